"""Small helps for writing C."""


def banner(path, model):
    return (f"/* {path}: generated from the pinned schema of QEMU {model.facts.release} by libqmp/generate; never edited.\n"
            " * SPDX-License-Identifier: LGPL-2.1-or-later */\n")


def section(title):
    return f"/* --- {title} " + "-" * max(3, 90 - len(title)) + " */\n"


def facts_line(fact, module):
    """What is known of it, for a comment."""
    from libqmp.generator.model import condition
    words = [f"QAPI module {module}"]
    if "since" in fact:
        words.append(f"since QEMU {fact['since']}")
    if "if" in fact:
        words.append(f"if {condition(fact['if'])}")
    words += fact.get("features", [])
    return ", ".join(words)
