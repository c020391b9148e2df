/* A command's arguments and an answer's text as a record has them: canonical, secrets redacted,
 * long values cut. */
#ifndef AUDIT_ARGUMENTS_H
#define AUDIT_ARGUMENTS_H

#include "audit/chain.h"
#include "audit/secrets.h"
#include "qmp/tape.h"

#define AUDIT_VALUE_MAX     512u        /* bytes of a text that is written whole */
#define AUDIT_CUT_PREFIX    64u         /* bytes of a longer one that are */
#define AUDIT_NAME_MAX      128u        /* bytes of a member's name */
#define AUDIT_ARGUMENTS_MAX (16u << 10) /* bytes of all arguments as written */
#define AUDIT_TEXT_MAX      2048u       /* bytes of an answer's text */
#define AUDIT_TEXT_READ_MAX \
    (64u << 10) /* bytes of one that is looked at at all: a VM may send 64 MiB */

struct arguments_writer {
    struct buf *out;
    gnutls_hash_hd_t hasher; /* borrowed */
    struct buf scratch;      /* owned: a text without its secrets */
    unsigned redacted;       /* how many values, since the last reset by the caller */
    unsigned cut;
    struct secret_values *hidden; /* NULL, or where what is not shown is gathered; borrowed */
};

void arguments_write(struct arguments_writer *w, struct span command, const struct qmp_tape *t,
                     uint32_t token);

/* {"name": bytes of its value, ...}: of arguments that broke the schema. */
void arguments_write_shape(struct arguments_writer *w, const struct qmp_tape *t, uint32_t token);

/* Words in which nothing is looked for. */
void arguments_write_words(struct arguments_writer *w, struct span text);

/* The text of an answer, which may repeat what was asked: `token` of `t` are the arguments of
 * `command`; `t` NULL or QMP_NONE: none. */
void arguments_write_text(struct arguments_writer *w, struct span command, const struct qmp_tape *t,
                          uint32_t token, struct span text);

#endif
