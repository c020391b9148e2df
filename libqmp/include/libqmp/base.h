/* What all of libqmp rests on: messages, errors, and the rules of its types.
 *
 * The types (libqmp/MODULE.h, one header for each module of QEMU's QAPI schema) follow these rules:
 *
 * - Structures are made by qmp_X_new (all members absent) or by what parses, copied by qmp_X_copy,
 *   compared by qmp_X_equal, freed with all that is in them by qmp_X_free (NULL is fine). Later
 *   releases add members at the end: never put one into a structure or an array, nor take its size.
 * - A structure owns what its members point to. Strings come from malloc (strdup is fine).
 * - A member that is a pointer is absent if it is NULL. Others that are optional have a companion
 *   has_NAME, which must be true for NAME to count. Members that are not optional must be there, or
 *   the message is not built.
 * - Lists are structures {n, items}; qmp_X_list_append takes over what is appended.
 * - Enumerations begin with UNKNOWN, 0: what a newer QEMU says and this library does not know. It
 * is never sent. A value that QEMU itself calls "unknown" is UNKNOWN_.
 * - Unions have a member that tells the branch (the comment says which) and `u` with a pointer for
 *   each branch that has members. Of a branch that is not known all pointers are NULL.
 * - Alternates have a `kind` and `u`.
 * - JSON text (`char *`, the comment says so) is one JSON value of any sort, as text.
 * - A name that is taken in C or C++ has an underscore behind it: `default_`, `unix_`.
 * - What QEMU calls deprecated is so for the compiler. What QEMU calls unstable can be named only
 *   where QMP_USE_UNSTABLE was defined before the first header was included.
 *
 * All functions may be called from any thread; an object belongs to one thread at a time, and may
 * be read by many. The library has no state of its own, but for libvirt's and, where a gateway
 * wants a login, libsasl2's: libqmp/session.h has the rules. When memory runs out the process ends.
 * Since: 0.1. Source: QEMU's QMP specification and QAPI schema. */
#ifndef LIBQMP_BASE_H
#define LIBQMP_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__) && !defined(QMP_NO_DEPRECATED)
#define QMP_DEPRECATED __attribute__((deprecated))
#else
#define QMP_DEPRECATED
#endif

#if defined(__GNUC__)
#define QMP_MUST_CHECK __attribute__((warn_unused_result))
#else
#define QMP_MUST_CHECK
#endif

/* A name of something unstable; without the opt-in nobody can write it by accident. */
#if defined(QMP_USE_UNSTABLE)
#define QMP_UNSTABLE(name) name
#else
#define QMP_UNSTABLE(name) qmp_unstable_##name##_define_QMP_USE_UNSTABLE
#endif

#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif
#ifdef __cplusplus
extern "C" {
#endif

/* --- errors ----------------------------------------------------------------------------------- */

/* Functions that can fail return 0 or -1, and with -1 make an error that the caller frees, unless
 * `err` is NULL. With 0 they leave *err alone. */
struct qmp_error;

enum qmp_error_kind {
    QMP_ERROR_KIND_UNKNOWN = 0,
    QMP_ERROR_KIND_ARGUMENT = 1, /* what the caller gave cannot be sent, or is not there */
    QMP_ERROR_KIND_REPLY = 2, /* what came is not what QEMU sends: broken, or not of this command */
    QMP_ERROR_KIND_REFUSED = 3,     /* QEMU's (or a gateway's) error reply: see qmp_error_class */
    QMP_ERROR_KIND_CONNECTION = 4,  /* of a session: there is none, or it is lost */
    QMP_ERROR_KIND_TIMEOUT = 5,     /* nothing came in time */
    QMP_ERROR_KIND_INTERRUPTED = 6, /* by qmp_session_interrupt */
    QMP_ERROR_KIND_LOCAL = 7,       /* something of this machine: a file, a password, libvirt */
    QMP_ERROR_KIND_LOGIN = 8,       /* a gateway wants a login: there is no way, or it failed */
};

/* What became of the command, as far as the error tells. */
enum qmp_outcome {
    QMP_OUTCOME_UNKNOWN = 0, /* it may have run */
    QMP_OUTCOME_NOT_SENT = 1,
    QMP_OUTCOME_FAILED = 2, /* QEMU says so */
};

enum qmp_error_kind qmp_error_kind(const struct qmp_error *err);
enum qmp_outcome qmp_error_outcome(const struct qmp_error *err);
/* A sentence; QEMU's own `desc` of a refused command. Lives as long as the error. */
const char *qmp_error_text(const struct qmp_error *err);
/* QEMU's class of a refused command, such as "CommandNotFound"; otherwise NULL. */
const char *qmp_error_class(const struct qmp_error *err);
/* A gateway says no: by its policy, or to a login. */
bool qmp_error_is_denied(const struct qmp_error *err);
void qmp_error_free(struct qmp_error *err);

/* --- messages --------------------------------------------------------------------------------- */

/* One request as text. It may be used again: each qmp_X_build replaces what is in it. */
struct qmp_msg;

struct qmp_msg *qmp_msg_new(void);
void qmp_msg_free(struct qmp_msg *msg);

/* For what is built from now on. An id of 0: none (libvirt puts in its own). */
void qmp_msg_set_id(struct qmp_msg *msg, uint64_t id);
/* "exec-oob" in place of "execute": out of band. Commands that QEMU does not run so are refused by
 * qmp_X_build. */
void qmp_msg_set_oob(struct qmp_msg *msg, bool oob);

/* One JSON object in ASCII without white space and line feed, ended by NUL; empty before the first
 * build, and after one that failed. Lives until the message is built anew or freed. */
const char *qmp_msg_json(const struct qmp_msg *msg);
size_t qmp_msg_length(const struct qmp_msg *msg);

/* Any command, whether libqmp knows it or not; each that it knows has a qmp_X_build of its own.
 * `arguments`: JSON text of an object, or NULL. */
int qmp_execute_build(const char *command, const char *arguments, struct qmp_msg *msg,
                      struct qmp_error **err) QMP_MUST_CHECK;
/* The reply to it. `result`: what it returned as JSON text, to be freed with free(); NULL is fine.
 */
int qmp_execute_parse_reply(const char *json, char **result, struct qmp_error **err) QMP_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#endif
