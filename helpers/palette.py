"""The colours of the pictures and the boxes. Blue and orange are the Okabe-Ito palette's: all can tell them apart."""

# text: all above 4.5:1 on white
DARK = "#1f2933"
SLATE = "#3e4c59"
GREY = "#52606d"
RED = "#9c3a00"

# what happened: the colour itself, a light one for waiting, a dark one for marks and words
BLUE = "#0072b2"
LIGHT_BLUE = "#93c9ee"
ORANGE = "#d55e00"
LIGHT_ORANGE = "#f4b48a"
DARK_ORANGE = "#b84a00"
FADED = "#7b8794"
LIGHT_FADED = "#cbd2d9"

# what stands around it
WHITE = "#fff"
EDGE = "#d9dee4"
GRID = "#e9edf1"
AXIS = "#9aa5b1"
AREA = "#e4e9ef"
QUEUE = "#b5bfc9"

# JupyterLab's own, for where a page does not set them
LAB_BLUE = "#1976d2"
LAB_LINE = "#bdbdbd"
LAB_EDGE = "#8a8a8a"
LAB_BUTTON = "#eee"
