/* Which VMs: `GLOB` or `name:GLOB` over names, `uuid:UUID`, `label:KEY=GLOB`. */
#ifndef ACL_VMSEL_H
#define ACL_VMSEL_H

#include <stdbool.h>
#include "acl/acl.h"
#include "base/error.h"

struct acl_vmsel;

int acl_vmsel_parse(const char *text, struct acl_vmsel **out, struct error *err) MUST_CHECK;
void acl_vmsel_free(struct acl_vmsel *s);

static inline void cleanup_vmsel(struct acl_vmsel **s)
{
    acl_vmsel_free(*s);
}
#define CLEANUP_VMSEL CLEANUP(cleanup_vmsel)

/* What it looks for, if it has no wildcards: one of the keys of the VMs that it matches. Else NULL.
 */
const char *acl_vmsel_key(const struct acl_vmsel *s);
bool acl_vmsel_match(const struct acl_vmsel *s, const struct acl_vm *vm);

/* Calls `each` with every key of a VM: its name, UUID and labels. */
void acl_vmsel_keys(const struct acl_vm *vm, void (*each)(void *opaque, const char *key),
                    void *opaque);

#endif
