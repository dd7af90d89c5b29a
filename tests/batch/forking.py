"""Batches that can be killed: a program that forks one for each line it reads, which is quicker than to start it."""

# goes behind code that imports asyncio, os and sys, and defines batch()
FORKING = """
for _ in sys.stdin:
    child = os.fork()
    if not child:
        try:
            asyncio.run(batch())
        finally:
            os._exit(0)
    print("child", child, flush=True)
    print("ended", os.waitpid(child, 0)[1], flush=True)
"""
