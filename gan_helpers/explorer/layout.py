"""How large things are on the screen, in CSS pixels."""

PICTURE_WIDTH = 364  # 13 times 28
PICTURE_ROOM = PICTURE_WIDTH + 6  # for pictures of other sizes
THUMB_WIDTH = 84  # of a training image: 3 times 28
TEXT_WIDTH = PICTURE_WIDTH + 476  # picture and sliders side by side
