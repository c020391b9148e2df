/* May they: policy text -> model -> compiled against a VM's schema -> verdict. Pure: no I/O, no
 * clock; who is calling comes in canonical forms (auth/identity.h has them), and everything here is
 * immutable and reference counted (atomic), so any thread may use it.
 *
 * Three steps, from rare to often:
 *     acl_policy    one a policy text: roles, groups, grants, checked and complete
 *     acl_program   one a (policy, schema): each role's patterns resolved to the schema's commands
 *     acl_rights    one a (program, subject, vm): a verdict for each command, an answer for each
 * event Judging is one look-up in acl_rights, however many rules the policy has. */
#ifndef ACL_ACL_H
#define ACL_ACL_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include "base/buf.h"
#include "base/error.h"
#include "base/util.h"
#include "qmp/message.h"
#include "qmp/schema.h"
#include "acl/path.h"
#include "acl/reach.h"

/* --- policy ----------------------------------------------------------------------------------- */

struct acl_policy;

/* `name` is what errors call the text (a file's name). Every error is reported, as "name:line:
 * sentence", through `report`, which may be NULL; negative if there was any. */
typedef void acl_report_fn(void *opaque, const char *line);
int acl_policy_parse(const char *name, const char *text, size_t len, acl_report_fn *report,
                     void *opaque, struct acl_policy **out) MUST_CHECK;
struct acl_policy *acl_policy_ref(struct acl_policy *p);
void acl_policy_unref(struct acl_policy *p);

/* SHA-256 of the text in hexadecimal: what the audit cites. */
const char *acl_policy_hash(const struct acl_policy *p);
unsigned acl_policy_n_grants(const struct acl_policy *p);
unsigned
acl_policy_n_rules(const struct acl_policy *p); /* patterns in allow, deny, events of all roles */

/* What names a guest's agent: the VM's name, and this. No VM's name holds a colon. */
#define ACL_AGENT_SUFFIX ":agent"
/* The length of the VM's name in it, or 0. */
static inline size_t acl_agent_of(const char *target)
{
    size_t len = strlen(target), tail = sizeof(ACL_AGENT_SUFFIX) - 1;
    return len > tail && memcmp(target + len - tail, ACL_AGENT_SUFFIX, tail) == 0 ? len - tail : 0;
}

/* What policy needs to know of a VM. */
struct acl_vm {
    const char *name;
    const char *uuid;          /* NULL if it has none */
    const char *const *labels; /* "key=value" */
    size_t n_labels;
    bool agent; /* not its monitor, but its guest's agent: for grants with qemu_agent only */
};

/* Who: a name, and what else is known of whoever it is. A grant that names any of them is his, and
 * so is what any of them is denied. A subject without a name, or with a part that is malformed, has
 * no rights at all. Borrowed. */
struct acl_subject {
    const char *name;              /* x509:, unix:, sasl:; NULL: nobody */
    const char *const *attributes; /* x509-uri:, unix-group: */
    size_t n_attributes;
};

/* Somebody of whom only the name is known. */
static inline struct acl_subject acl_subject_named(const char *name)
{
    return (struct acl_subject){ .name = name };
}

/* Does any grant or delegation name him at all (else he is turned away at the door)? */
bool acl_policy_admits(const struct acl_policy *p, struct acl_subject who);

/* May he see and attach to this VM? */
bool acl_policy_sees(const struct acl_policy *p, struct acl_subject who, const struct acl_vm *vm);

/* The same for many VMs: who he is is found out once, since somebody in a thousand groups has a
 * thousand names. The policy is borrowed, and stays while the view does; `who` may go. */
struct acl_view;
struct acl_view *acl_view_new(const struct acl_policy *p, struct acl_subject who);
bool acl_view_sees(const struct acl_view *v, const struct acl_vm *vm);
void acl_view_free(struct acl_view *v);

static inline void cleanup_view(struct acl_view **v)
{
    acl_view_free(*v);
}
#define CLEANUP_VIEW CLEANUP(cleanup_view)

enum acl_admin {
    ACL_ADMIN_SESSIONS = 1 << 0,
    ACL_ADMIN_SESSION_CLOSE = 1 << 1,
    ACL_ADMIN_RELOAD = 1 << 2,
    ACL_ADMIN_STATS = 1 << 3,
    ACL_ADMIN_AUDIT_TAIL = 1 << 4,
    ACL_ADMIN_LOGIN_RELEASE = 1 << 5,
    ACL_ADMIN_AUDIT_ALL = 1 << 6, /* no command: all records, with audit-tail */
    ACL_ADMIN_AUDIT_ROTATE = 1 << 7,
};
/* The administration that some grant gives by name: a set of enum acl_admin. */
unsigned acl_policy_admin(const struct acl_policy *p, struct acl_subject who);
/* The first grant that gives one of them: its name, borrowed; NULL if none does. */
const char *acl_policy_admin_grant(const struct acl_policy *p, struct acl_subject who,
                                   enum acl_admin admin);

/* May somebody act for the person of that name? The section `delegate` that says so: its name,
 * borrowed; NULL if none does. `from` is who logged in, never whom he acts for already.
 *
 * Nobody acts for a delegate, whoever else is named with him: so nobody gets by two steps what he
 * does not get by one. A pattern with wildcards does not reach people who administer: they are
 * named exactly in `to`, or nobody acts for them. Of the person only the name is known, so that his
 * rights while somebody acts for him are those of acl_subject_named(to): what attributes would give
 * or deny him does not count. (Nor can one be found to be a delegate who is named in `from` by
 * attributes only: he may be acted for, with the rights of his name, which then are no delegate's.)
 * To be oneself again is no matter of policy. */
const char *acl_policy_delegates(const struct acl_policy *p, struct acl_subject from,
                                 const char *to);
/* Is he named in the `from` of any? */
bool acl_policy_is_delegate(const struct acl_policy *p, struct acl_subject who);

/* --- program ---------------------------------------------------------------------------------- */

struct acl_program;
struct acl_program *acl_program_new(struct acl_policy *p, struct qmp_schema *s);
/* Another policy's program for the same schema, which is asked beside this one and decides nothing.
 * Takes it over; to be set before the program is shared. */
void acl_program_set_shadow(struct acl_program *p, struct acl_program *shadow);
/* How many commands, members and values of the schema's arguments the reviewed tables do not know.
 */
size_t acl_program_unreviewed(const struct acl_program *p);
struct acl_program *acl_program_ref(struct acl_program *p);
void acl_program_unref(struct acl_program *p);

/* --- rights ----------------------------------------------------------------------------------- */

struct acl_rights;
struct acl_rights *acl_rights_new(struct acl_program *program, struct acl_subject who,
                                  const struct acl_vm *vm);
/* By the program's shadow: borrowed; NULL if it has none. */
const struct acl_rights *acl_rights_shadow(const struct acl_rights *r);
struct acl_rights *acl_rights_ref(struct acl_rights *r);
void acl_rights_unref(struct acl_rights *r);

enum acl_decision {
    ACL_ALLOWED,
    ACL_CONDITIONAL,     /* judged by name only: it depends on the arguments */
    ACL_DENIED,          /* by a rule, or because none allows it */
    ACL_UNKNOWN_COMMAND, /* not in the VM's schema, though the policy would allow the name */
};

struct acl_verdict {
    enum acl_decision decision;
    const char *rule; /* who decided, borrowed from the rights: `grant "g" role "r" allow "@query"`;
                         "default" */
    const char *reason; /* for a refusal, a phrase for the client: no values of the policy but rule
                           names; borrowed from the rights or the workspace */
};

/* What judging needs, kept from one command to the next; of one thread. Zeroed to begin with. */
#define ACL_REASON_MAX 512u
struct acl_workspace {
    struct acl_reached_list reached;
    bool *covered; /* owned */
    size_t cap_covered;
    char reason[ACL_REASON_MAX];
    /* of the last refusal: the rule that came nearest and the condition that does not hold; or NULL
     */
    const struct acl_citation *nearest;
    const struct acl_condition *failed;
};

void acl_workspace_fini(struct acl_workspace *w);

/* By name alone, as introspection and explain need it; `name` is decoded. */
struct acl_verdict acl_check_name(const struct acl_rights *r, struct span name);
/* With arguments, of which the VM's schema found that they fit: an object's token, or QMP_NONE.
 * What is in the verdict is good until the next check. */
struct acl_verdict acl_check(const struct acl_rights *r, struct acl_workspace *w, struct span name,
                             const struct qmp_tape *t, uint32_t arguments);
/* What more there is to say of who decided, for clients that may know the policy: patterns, with
 * the places in its text. Nothing if the VM has no such command. `w`: of the refusal; may be NULL.
 */
void acl_check_detail(const struct acl_rights *r, const struct acl_workspace *w, struct span name,
                      struct buf *out);

/* May he hear this event? `data`: an object's token, or QMP_NONE; `t` NULL: by name, which is
 * ACL_CONDITIONAL if it depends on the data. */
enum acl_decision acl_check_event(const struct acl_rights *r, struct span name,
                                  const struct qmp_tape *t, uint32_t data);

/* Are there replies of which parts are not shown? */
bool acl_redacts(const struct acl_rights *r);
/* The places of a command's reply that are not shown: the i-th, NULL past the last. */
const struct acl_path *acl_redaction(const struct acl_rights *r, unsigned command, size_t i);
/* The reply (a value) without them: in the place of each stands "", 0, false, [] or {}. False if it
 * is too deep to be sure of; then what was written must not be shown. */
bool acl_redact(const struct acl_rights *r, unsigned command, const struct qmp_tape *t,
                uint32_t root, struct buf *out) MUST_CHECK;

/* The same by the schema's numbers, for introspection. */
bool acl_allows_command(const struct acl_rights *r, unsigned command);
bool acl_allows_event(const struct acl_rights *r, unsigned event);

/* --- classes ---------------------------------------------------------------------------------- */

/* One of the pinned facts: the classes of a command, as names, NULL ended; NULL if the table does
 * not know it. */
const char *const *acl_classes_of(const char *command);
/* Does it carry an argument that reaches the host, or commands within, or does it act inside the
 * guest? Such a command is opened only by its name. True as well of a command that the table does
 * not know. */
bool acl_reaches_host(const char *command);
/* Does it need descriptors passed over the monitor's socket, or act on those that were? */
bool acl_is_fd_command(const char *command);
/* Does it only look (the class @query)? */
bool acl_is_query_command(struct span command);

#endif
