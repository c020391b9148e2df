/* The gateway's own commands, and those of QMP that it answers itself: negotiation and
 * introspection. */
#ifndef PROXY_GATEWAY_H
#define PROXY_GATEWAY_H

#include "acl/acl.h"
#include "proxy/request.h"
#include "proxy/session.h"

struct daemon;

struct gateway_command {
    const char *name;
    size_t name_len;      /* it is compared with every command */
    unsigned phases;      /* SESSION_PHASE_BITs in which it may come */
    enum acl_admin admin; /* that it takes, or 0 */
    bool always;          /* runs even if the audit cannot be written: it takes rights away */
    const char *const *arguments; /* names, NULL-ended; "name:kind", "?" behind it: optional */
    void (*run)(struct session *s, struct request *r);
};

/* The entry for this name, or NULL if the VM is to answer it. A gateway-* name that does not exist
 * has an entry too, which says so. */
const struct gateway_command *gateway_find(struct span name, enum session_phase phase);

/* Do its arguments hold what proves who somebody is? */
bool gateway_is_secret(struct span name);

/* Checks phase, permission and arguments, and has the intent recorded; gateway_run follows. */
void gateway_submit(struct session *s, struct request *r, const struct gateway_command *command);
void gateway_run(struct session *s, struct request *r);

/* Every entry, for introspection. */
const struct gateway_command *gateway_command_at(unsigned i); /* NULL past the last */

/* Our own greeting, with its line end. */
void gateway_write_greeting(struct buf *out);
/* The members of what gateway-attach returns, behind "{" or other members. */
void gateway_write_attached(struct buf *out, const struct session *s, struct span greeting);

/* The capabilities in `enable`; false, and the request is answered, if they cannot be had. */
bool gateway_take_enable(struct session *s, struct request *r, bool *oob);

/* A string argument; false if it is absent. Types were checked. */
bool gateway_string_argument(const struct request *r, const char *name, struct span *out);
bool gateway_int_argument(const struct request *r, const char *name, int64_t *out);
static inline struct span gateway_buf_span(const struct buf *b)
{
    return (struct span){ buf_data(b), buf_len(b) };
}

/* May this session see the VM of that name? One that is gone is judged by its name alone. */
bool gateway_sees_vm(struct session *s, const char *name);

/* --- gateway_schema.c --- */
void gateway_query_commands(struct session *s, struct request *r);
void gateway_query_schema(struct session *s, struct request *r);
/* --- gateway_admin.c --- */
void gateway_sessions(struct session *s, struct request *r);
void gateway_session_close(struct session *s, struct request *r);
void gateway_reload(struct session *s, struct request *r);
void gateway_stats(struct session *s, struct request *r);
void gateway_audit_tail(struct session *s, struct request *r);
void gateway_audit_rotate(struct session *s, struct request *r);
/* --- gateway_logins.c --- */
void gateway_login_release(struct session *s, struct request *r);
/* Who is held back: a JSON object, for gateway-stats. */
void gateway_write_logins(struct buf *out, struct daemon *daemon);

#endif
