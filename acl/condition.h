/* One condition of a rule: PATH[?] OPERATOR VALUE... It is judged on the tape of a command's
 * arguments (or of an event's data), and covers what it names: an argument that reaches the host
 * must be named by a condition that says what it may be (acl/reach.h). */
#ifndef ACL_CONDITION_H
#define ACL_CONDITION_H

#include "acl/acl.h"
#include "acl/path.h"
#include "acl/reach.h"

#define ACL_CONDITION_VALUES_MAX 256u

enum acl_operator {
    ACL_OP_IS,
    ACL_OP_IN,
    ACL_OP_GLOB,
    ACL_OP_UNDER,
    ACL_OP_SCHEME_IN,
    ACL_OP_HOST_IN,
    ACL_OP_CIDR,
    ACL_OP_PORT_BETWEEN,
    ACL_OP_BETWEEN,
    ACL_OP_AT_MOST,
    ACL_OP_PRESENT,
    ACL_OP_ABSENT,
    ACL_OP_ANY,
    ACL_N_OPS,
};

/* A network: the first `bits` of an address of 4 or 16 bytes. */
struct acl_network {
    uint8_t address[16];
    uint8_t size;
    uint8_t bits;
};

struct acl_value {
    char *text; /* what texts are compared with; of a glob with `\` before literal signs; owned */
    size_t len;
    double number; /* between, at-most, port between; is and in, if is_number; finite */
    bool is_number;
    bool variable;              /* the text holds %{...}: to be bound */
    bool open_end;              /* host in: whatever it matches has one part */
    struct acl_network network; /* cidr */
};

struct acl_condition {
    char *text; /* as it was written; owned */
    struct acl_path path;
    bool optional; /* PATH? */
    enum acl_operator op;
    struct acl_value *values; /* owned */
    size_t n_values;
    bool variable; /* some value is */
    unsigned line;
};

int acl_condition_parse(const char *text, struct acl_condition *out, struct error *err) MUST_CHECK;
void acl_condition_free(struct acl_condition *c);

/* The words of an operator: "scheme in". */
const char *acl_operator_name(enum acl_operator op);

/* For whom a condition is bound. */
struct acl_binding {
    const char *user; /* an identity's name; what stands behind its kind is put in */
    const struct acl_vm *vm;
};

/* A copy with its variables put in. False if one of them has no value that may stand there: then
 * the condition never holds. */
bool acl_condition_bind(const struct acl_condition *c, const struct acl_binding *b,
                        struct acl_condition *out) MUST_CHECK;

/* Does it hold? For each value that the path names, and for one at least. `reached`: what the tape
 * has that reaches the host, tokens ascending, each once; `covered[i]` is set where the condition
 * names it with an operator that says enough for its kind, which counts only if the condition holds
 * (it may be set before a later value makes it false). `covered` may be NULL. `untyped`: the values
 * are not checked against a schema, so that a string may stand for a number. */
struct acl_judged {
    const struct qmp_tape *tape;
    uint32_t root; /* an object; QMP_NONE: there are no arguments */
    bool untyped;
    const struct acl_reached *reached;
    size_t n_reached;
    bool *covered;
};

bool acl_condition_holds(const struct acl_condition *c, const struct acl_judged *j);

/* Of one that does not hold: the first value that is not as it says; QMP_NONE if there is none. */
uint32_t acl_condition_fault(const struct acl_condition *c, const struct acl_judged *j);

/* Does an operator say enough of an argument of this kind to cover it? (at-most: of a number.) */
bool acl_operator_covers(enum acl_operator op, enum acl_reach reach);

#endif
