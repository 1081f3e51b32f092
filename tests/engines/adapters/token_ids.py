"""Token ids as the command line gives them."""
import os
import pathlib


def read(text):
    """1,2,3, or a file of them: a list of numbers. (Path.is_file raises where the ids would make too long a name; os.path.isfile does not.)"""
    if os.path.isfile(text):
        text = pathlib.Path(text).read_text()
    return [int(token) for token in text.replace(",", " ").split()]
