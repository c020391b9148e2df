"""What an answer must look like, in the words that the protocol promises."""


def error(reply, cls="GenericError", *words):
    """An error reply of that class whose text has all these words."""
    assert "error" in reply, reply
    assert set(reply["error"]) == {"class", "desc"}, reply
    assert reply["error"]["class"] == cls, reply
    for word in words:
        assert word.lower() in reply["error"]["desc"].lower(), (word, reply)
    return reply["error"]["desc"]


def denied(reply, *words):
    return error(reply, "GenericError", "permission denied", *words)


def unknown_outcome(reply):
    return error(reply, "GenericError", "outcome is unknown")


def not_negotiated(reply):
    return error(reply, "CommandNotFound", "Expecting capabilities negotiation with 'qmp_capabilities'")
