/* Views of the four sorts of message: a request (client to VM), and greeting, reply, event (VM to
 * client). A view is token numbers on a tape that the caller keeps. Source: QMP specification,
 * sections 2.2 to 2.5. */
#ifndef QMP_MESSAGE_H
#define QMP_MESSAGE_H

#include "base/error.h"
#include "qmp/tape.h"

struct qmp_request {
    uint32_t command;   /* string token: the command's name */
    uint32_t arguments; /* object token or QMP_NONE */
    uint32_t id;        /* any token or QMP_NONE */
    bool oob; /* exec-oob; where oob was not negotiated QEMU says "QMP input member 'exec-oob' is
               * unexpected", which is the caller's to say */
};

/* Checks the shape; on failure *out still has the id if there is one, and err a text as QEMU
 * would give it ("QMP input member 'foo' is unexpected", ...). */
int qmp_request_parse(const struct qmp_tape *t, struct qmp_request *out,
                      struct error *err) MUST_CHECK;

/* The id of a message that is broken otherwise, or QMP_NONE. */
uint32_t qmp_find_id(const struct qmp_tape *t);

enum qmp_answer_kind { QMP_ANSWER_GREETING, QMP_ANSWER_RETURN, QMP_ANSWER_ERROR, QMP_ANSWER_EVENT };

/* From a top-level tape (or a full one): tokens or QMP_NONE. Raw spans of the tokens are whole. */
struct qmp_answer {
    enum qmp_answer_kind kind;
    uint32_t body;      /* the value of QMP, return or error; for an event its data or QMP_NONE */
    uint32_t id;        /* return, error */
    uint32_t event;     /* event: string token, its name */
    uint32_t timestamp; /* event: object or QMP_NONE */
};

/* What a newer QEMU may add to a message (QEMU's qmp-spec allows that). Who passes messages on
 * takes only what it knows. */
enum qmp_unknown { QMP_UNKNOWN_REFUSED, QMP_UNKNOWN_IGNORED };

/* Anything else than one of the four shapes, but for unknown members that are ignored, is
 * ERROR_PEER. */
int qmp_answer_parse(const struct qmp_tape *t, enum qmp_unknown unknown, struct qmp_answer *out,
                     struct error *err) MUST_CHECK;

#endif
