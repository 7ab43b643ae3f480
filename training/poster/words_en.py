"""English words of captions, by index of colour, kind, size and place."""

# The first word of each list is by far the most frequent one.
COLORS = [("red",), ("orange",), ("yellow",), ("green",), ("cyan", "turquoise", "aqua", "light blue"), ("blue",), ("purple", "violet"),
          ("pink",), ("brown",), ("black",), ("white",), ("gray", "grey")]
KINDS = [("circle", "circle", "circle", "disc", "disk", "dot", "round"), ("square", "square", "square", "box"), ("triangle",),
         ("star", "star", "star", "five-pointed star"), ("heart", "heart", "heart", "heart shape", "love heart"),
         ("ring", "ring", "ring", "hoop", "donut"), ("cross", "cross", "cross", "plus sign", "plus"),
         ("crescent", "crescent", "crescent moon", "moon"), ("diamond", "diamond", "rhombus"), ("hexagon",)]
SIZES = [("small", "small", "small", "little", "tiny", "mini"), ("medium", "medium-sized", "medium size", "mid-sized"),
         ("large", "large", "big", "big", "huge", "giant", "very large")]
PLACES = [
    ("in the top left corner", "in the top left", "at the top left", "in the upper left corner", "at the upper left", "in the upper left",
     "top left", "top-left", "upper left", "in the top-left corner", "on the top left", "to the top left"),
    ("at the top", "at the top", "at the top center", "at the top in the middle", "in the upper part", "near the top", "up top", "top center",
     "at the upper center", "at the top middle", "in the top middle", "at the very top", "top"),
    ("in the top right corner", "in the top right", "at the top right", "in the upper right corner", "at the upper right",
     "in the upper right", "top right", "top-right", "upper right", "in the top-right corner", "on the top right", "to the top right"),
    ("on the left", "on the left", "on the left side", "at the left", "on the left-hand side", "to the left", "in the middle left",
     "at the middle left", "center left", "on the left edge", "left", "at the left center"),
    ("in the middle", "in the center", "at the center", "in the middle", "in the center", "centered", "in the very middle", "at center",
     "right in the middle", "in the exact center", "placed in the center", "middle", "center"),
    ("on the right", "on the right", "on the right side", "at the right", "on the right-hand side", "to the right", "in the middle right",
     "at the middle right", "center right", "on the right edge", "right", "at the right center"),
    ("in the bottom left corner", "in the bottom left", "at the bottom left", "in the lower left corner", "at the lower left",
     "in the lower left", "bottom left", "bottom-left", "lower left", "in the bottom-left corner", "on the bottom left", "to the bottom left"),
    ("at the bottom", "at the bottom", "at the bottom center", "at the bottom in the middle", "in the lower part", "near the bottom",
     "down at the bottom", "bottom center", "at the lower center", "at the bottom middle", "in the bottom middle", "at the very bottom", "bottom"),
    ("in the bottom right corner", "in the bottom right", "at the bottom right", "in the lower right corner", "at the lower right",
     "in the lower right", "bottom right", "bottom-right", "lower right", "in the bottom-right corner", "on the bottom right", "to the bottom right"),
]
TEXT_PLACES = [
    ("at the top", "at the top", "at the top", "along the top", "on top", "near the top", "in the upper part", "at the top center", "across the top"),
    ("in the middle", "in the middle", "in the center", "across the middle", "at the center", "centered", "in the very middle"),
    ("at the bottom", "at the bottom", "at the bottom", "along the bottom", "near the bottom", "in the lower part", "at the bottom center", "across the bottom"),
]
LINES = [("at the top", "in the middle", "at the bottom"), ("on the left", "in the middle", "on the right")]
PREFIXES = ("a poster of", "a poster with", "poster with", "poster of", "poster:", "a flat poster of", "a flat design poster with", "an image of",
            "a picture of", "a simple poster showing", "a minimalist poster with", "a graphic of", "draw", "a design with", "a poster showing",
            "an illustration of", "flat design:", "there is", "generate a poster with", "create a poster of", "a drawing of", "show")
CANVAS = ("poster", "image", "picture", "canvas", "page", "frame", "poster")
COUNTS = {1: ("one shape",), 2: ("two shapes", "2 shapes", "two figures"), 3: ("three shapes", "3 shapes", "three figures", "three objects")}
NUMBERS = {2: ("two", "two", "2", "a pair of"), 3: ("three", "three", "3")}
