"""Broken solutions that are still right, each with the reason: `mutate_solutions.py` leaves them out.

The key: the solution, the way in which it is broken (see ways_to_break.py), and the line that it breaks.
"""

_ROWS = "rows = await asyncio.gather(*[ask_one(client, model, question) for model in models])"
_SORTED_AFTERWARDS = "The rows are sorted by their seconds afterwards."

_AT_ONCE = "await asyncio.gather(*[ask(question) for question in questions])"
_ONLY_TIMED = "The answers are only waited for, and not returned."

_WAIT_FOR_THE_CANCELLED = "await asyncio.gather(*tasks, return_exceptions=True)"
_ENDS_BY_ITSELF = "What was cancelled ends at the loop's next turn, also where nobody waits for it."
_NOTHING_RETURNED = "What was cancelled is only waited for, and what it gives is not used."

_AS_THEY_END = "for next_one in asyncio.as_completed(tasks):"
_NEXT_ONE = "Each entry of as_completed stands for the next task that ends, whichever that is."
_NO_ANSWER = 'raise ExceptionGroup("None of the models answered", errors)'
_NONE_ANYWAY = "A function that comes to its end returns None anyway."
_ALL_FAILED = "What comes of it when no model answers, the task leaves open; without models it may raise an error."

_GO_ON = "await asyncio.gather(*[ask(question) for question in questions if question not in done])"
_ANY_PACE = "The task asks what is on disk after a kill, and not how many calls are in flight."
_ANY_ORDER = "The rows may stand in the file in any order."

_SLOTS = "slots = asyncio.Semaphore(3)"
_IN_TURN = "results = await asyncio.gather(*calls, return_exceptions=True)"
_NOTHING_FAILS = "With a limit nothing is refused, so there are neither retries nor errors among the results."

_CAUGHT_BEFORE = "Each call catches the SDK's errors by itself, so none of them comes to gather."
_GATHERED = "return await asyncio.gather(*[ask(question) for question in questions])"
_GATHERED_ONES = "return await asyncio.gather(*[ask_one(question) for question in questions])"

SPARED: dict[tuple[str, str, str], str] = {
    ("compare_models", "InFinishOrder", _ROWS): _SORTED_AFTERWARDS,
    ("compare_models", "InReverse", _ROWS): _SORTED_AFTERWARDS,
    ("compare_models", "BackToFront", _ROWS): _SORTED_AFTERWARDS,
    ("measure_the_gain", "InFinishOrder", _AT_ONCE): _ONLY_TIMED,
    ("measure_the_gain", "InReverse", _AT_ONCE): _ONLY_TIMED,
    ("measure_the_gain", "BackToFront", _AT_ONCE): _ONLY_TIMED,
    ("measure_the_gain", "BackToFront", "for question in questions:"): _ONLY_TIMED,
    ("measure_the_gain", "ThrownAway", "return response.choices[0].message.content"): _ONLY_TIMED,
    ("measure_the_gain", "WholeResponse", "return response.choices[0].message.content"): _ONLY_TIMED,
    ("measure_the_gain", "OnlyItsBeginning", "return response.choices[0].message.content"): _ONLY_TIMED,
    ("measure_the_gain", "LeftOut", "return response.choices[0].message.content"): _ONLY_TIMED,
    ("survive_failures", "FailuresAmongTheAnswers", _GATHERED): _CAUGHT_BEFORE,
    ("keep_a_deadline", "NoAwait", _WAIT_FOR_THE_CANCELLED): _ENDS_BY_ITSELF,
    ("keep_a_deadline", "LeftOut", _WAIT_FOR_THE_CANCELLED): _ENDS_BY_ITSELF,
    ("keep_a_deadline", "InReverse", _WAIT_FOR_THE_CANCELLED): _NOTHING_RETURNED,
    ("keep_a_deadline", "WaitsOn", "return []  # asyncio.wait refuses an empty list"): (
        "With nothing to ask the task wants an empty list, and says nothing of how soon."
    ),
    ("keep_a_deadline", "AllTwice", "for task in tasks:"): "To cancel a task twice is to cancel it.",
    ("keep_a_deadline", "BackToFront", "for task in tasks:"): "Tasks may be cancelled in any order.",
    ("first_answer_wins", "NoAwait", _WAIT_FOR_THE_CANCELLED): _ENDS_BY_ITSELF,
    ("first_answer_wins", "LeftOut", _WAIT_FOR_THE_CANCELLED): _ENDS_BY_ITSELF,
    ("first_answer_wins", "AllTwice", "for task in tasks:"): "To cancel a task twice is to cancel it.",
    ("first_answer_wins", "BackToFront", "for task in tasks:"): "Tasks may be cancelled in any order.",
    ("first_answer_wins", "InReverse", _WAIT_FOR_THE_CANCELLED): _NOTHING_RETURNED,
    ("first_answer_wins", "BackToFront", "tasks = [asyncio.create_task(ask(model)) for model in models]"): (
        "They begin at once, in any order."
    ),
    ("first_answer_wins", "BackToFront", _AS_THEY_END): _NEXT_ONE,
    ("first_answer_wins", "AllTwice", _AS_THEY_END): "The first answer ends it, before anything comes again.",
    ("first_answer_wins", "ThrownAway", "return None  # there was no model to ask"): _NONE_ANYWAY,
    ("first_answer_wins", "LeftOut", "return None  # there was no model to ask"): _NONE_ANYWAY,
    ("first_answer_wins", "LeftOut", "errors.append(error)  # this model is out; wait for the next"): _ALL_FAILED,
    ("first_answer_wins", "LeftOut", "if errors:"): _ALL_FAILED,
    ("first_answer_wins", "LeftOut", _NO_ANSWER): _ALL_FAILED,
    ("first_answer_wins", "ArgumentsSwapped", _NO_ANSWER): _ALL_FAILED,
    ("first_answer_wins", "ConditionTurned", "if errors:"): _ALL_FAILED,
    ("first_answer_wins", "Always", "if errors:"): _ALL_FAILED,
    ("first_answer_wins", "Never", "if errors:"): _ALL_FAILED,
    ("csv_to_csv", "FirstAlone", "answers = await asyncio.gather(*[ask(question) for question in questions])"): (
        "The task sets a limit, and does not ask that it be reached all the time."
    ),
    ("time_sleep", "LeftOut", "await asyncio.sleep(0.15)"): "The pause was there to be gentle; nobody has to be.",
    ("no_limit", "LimitTooHigh", _SLOTS): "Four at once is what the service takes.",
    ("no_limit", "LimitTooLow", _SLOTS): "Any limit will do that the service takes, above one.",
    ("no_limit", "FirstAlone", _IN_TURN): "Some are in flight at once, and nothing is refused: no more is asked for.",
    ("no_limit", "OptionLeftOut", "async with AsyncOpenAI(max_retries=0) as client:"): _NOTHING_FAILS,
    ("no_limit", "OptionLeftOut", _IN_TURN): _NOTHING_FAILS,
    ("no_limit", "Always", "return [result if isinstance(result, str) else None for result in results]"): (
        _NOTHING_FAILS
    ),
    ("go_on.py", "OneByOne", _GO_ON): _ANY_PACE,
    ("go_on.py", "FirstAlone", _GO_ON): _ANY_PACE,
    ("go_on.py", "BackToFront", _GO_ON): _ANY_ORDER,
    ("go_on.py", "BackToFront", 'questions = [row["question"] for row in csv.DictReader(file)]'): _ANY_ORDER,
    (
        "go_on.py",
        "BackToFront",
        'done = {question for (question,) in answers.execute("SELECT question FROM answers")}',
    ): ("A set has no order."),
    ("go_on.py", "BlockingPause", "response = await client.chat.completions.create("): _ANY_PACE,
    ("go_on.py", "OwnSlots", "async with slots:"): "The task sets no limit.",
    ("go_on.py", "LimitTooLow", "slots = asyncio.Semaphore(10)"): "The task sets no limit.",
    ("go_on.py", "SecondOptionLeftOut", 'with open(source, newline="", encoding="utf-8") as file:'): (
        "Where these checks run, UTF-8 is what Python reads by itself."
    ),
    ("lost_failures", "FailuresAmongTheAnswers", _GATHERED_ONES): _CAUGHT_BEFORE,
}
