/* Places in a JSON value: PATH of a policy's conditions and redactions.
 *     file.driver      the member `driver` of the member `file`
 *     actions[].type   of every element of an array
 *     **.filename      at any depth, the top included; through arrays as well
 * A name is taken as it stands, so one with a dot or a bracket cannot be named. */
#ifndef ACL_PATH_H
#define ACL_PATH_H

#include "base/error.h"
#include "qmp/tape.h"

#define ACL_PATH_STEPS_MAX 24u
#define ACL_PATH_DEPTH_MAX 64u /* as of a client's message */

enum acl_step_kind {
    ACL_STEP_MEMBER,
    ACL_STEP_ELEMENTS, /* [] */
    ACL_STEP_DEEP,     /* ** */
};

struct acl_step {
    enum acl_step_kind kind;
    struct span name; /* of a member; borrowed from the path's text */
};

struct acl_path {
    char *text; /* owned */
    struct acl_step steps[ACL_PATH_STEPS_MAX];
    uint32_t n;
    bool members_only; /* it names one value at most */
};

/* UTF-8 (no name of QMP's is anything else), without control characters but tabs: C0, DEL, C1. What
 * is written in a policy is shown on terminals and in JSON. */
bool acl_text_is_plain(const char *text, size_t len);

int acl_path_parse(const char *text, size_t len, struct acl_path *out,
                   struct error *err) MUST_CHECK;
void acl_path_free(struct acl_path *p);

/* The values that a path names, one after the other in the order of the text; none twice. No
 * allocation, no recursion; time is linear in the tokens that the path can reach. */
struct acl_path_walk {
    const struct acl_path *path;
    const struct qmp_tape *tape;
    uint32_t
        found; /* to begin with: the root, if the path names it, or the one value that it names */
    bool lost; /* parts lie deeper than it looks: what was found is not all */
    uint32_t depth;
    struct acl_path_frame {
        uint32_t next, end; /* tokens of a container's parts */
        uint32_t steps;     /* a set: which of the path's steps its parts may be */
        bool object;
    } frames[ACL_PATH_DEPTH_MAX];
};

void acl_path_begin(struct acl_path_walk *w, const struct acl_path *path, const struct qmp_tape *t,
                    uint32_t root);
/* The next value's token; QMP_NONE at the end. */
uint32_t acl_path_next(struct acl_path_walk *w);

#endif
