/* The strict scanner: bytes -> tape, in one pass, without recursion, without an allocation a token,
 * going on where it stopped when more bytes come. What it lets through means the same to every
 * JSON parser; see docs for the list of what parsers make of other texts.
 *
 * Two sorts of error. A *lexical* error (a byte that no JSON text has there: raw control byte,
 * bad UTF-8, byte-order mark, single quote, missing comma, too many bytes): where the message ends
 * cannot be known. A *rule* error (well-formed JSON that this scanner does not take: a name twice
 * in an object after unescaping, a lone surrogate escape, a number that a double does not hold, too
 * deep, too many tokens): the scan goes on to the end of the message, so that framing is kept and
 * the id can be found; the tape then holds what came before and beside the fault, and must not be
 * run.
 *
 * An integer may have any number of digits as long as a double holds its magnitude: what reads it
 * decides what it takes (qmp_tape_int64). What is too small for a double is zero, and no error.
 *
 * A scanner belongs to one thread at a time. */
#ifndef QMP_SCAN_H
#define QMP_SCAN_H

#include "qmp/tape.h"

struct qmp_scan_limits {
    size_t max_bytes;    /* of one message; more is a lexical error */
    uint32_t max_depth;  /* of containers; deeper is a rule error */
    uint32_t max_tokens; /* on the tape; more is a rule error */
    bool top_level_only; /* tape has the outermost object's names and values, values without parts
                          * (token->folded; their raw text is whole; inside them all but duplicate
                          * names is checked) */
    bool one_line;       /* a line feed inside the message is a lexical error (a VM writes none) */
};

enum qmp_scan_status {
    QMP_SCAN_MORE,    /* the text so far is a proper beginning */
    QMP_SCAN_DONE,    /* one whole value; the tape is good */
    QMP_SCAN_RULE,    /* one whole value that breaks a rule; see qmp_scan_fault */
    QMP_SCAN_LEXICAL, /* no JSON; see qmp_scan_fault */
};

struct qmp_fault {
    const char *text; /* what is wrong, a constant phrase such as "duplicate member name" */
    size_t offset;    /* byte offset from the message's first byte */
};

struct qmp_scanner;

struct qmp_scanner *qmp_scanner_new(const struct qmp_scan_limits *limits);
void qmp_scanner_free(struct qmp_scanner *s);

/* Ready for the next message; keeps its memory up to a bound. */
void qmp_scanner_reset(struct qmp_scanner *s);
/* The tape was read for the last time: what strings were decoded to is overwritten. */
void qmp_scanner_wipe(struct qmp_scanner *s);
/* From the next reset on. */
void qmp_scanner_set_limits(struct qmp_scanner *s, const struct qmp_scan_limits *limits);

/* `text` is the message from its first byte (no white space before it) and `len` all bytes there
 * are now; the place in memory may differ from call to call, the bytes seen before must not. Scans
 * only what is new. After anything but QMP_SCAN_MORE call qmp_scanner_reset first. */
enum qmp_scan_status qmp_scanner_feed(struct qmp_scanner *s, const char *text, size_t len);

/* After QMP_SCAN_DONE or QMP_SCAN_RULE: how many bytes the message has. (A number at top level ends
 * at the byte after it, which is not consumed.) After QMP_SCAN_LEXICAL: how many bytes came before
 * the one that no JSON has there. */
size_t qmp_scanner_consumed(const struct qmp_scanner *s);

/* After QMP_SCAN_DONE or QMP_SCAN_RULE; the root is token 0. From a rule error on, the tape goes on
 * as if top_level_only: it has all members of the outermost object (unless they alone are too many
 * tokens), the value that breaks the rule is marked faulty, and values that hold or follow the
 * fault are folded. */
const struct qmp_tape *qmp_scanner_tape(const struct qmp_scanner *s);

/* After QMP_SCAN_RULE or QMP_SCAN_LEXICAL: the first fault. */
struct qmp_fault qmp_scan_fault(const struct qmp_scanner *s);

/* A text that is there as a whole: its scanner, to be freed by qmp_scanner_free; NULL if it is not
 * one good JSON object within the limits. The tape borrows the text. */
struct qmp_scanner *qmp_scan_object(const struct qmp_scan_limits *limits, struct span text);

#endif
