/* Distinguished names by RFC 4514, and patterns over them, taken apart into attributes: nothing is
 * ever compared as a substring of the whole text.
 *
 * A pattern is a name whose values may have the wildcards `*` (any run of bytes) and `?` (one
 * byte), each within one value; written `\*` and `\?` they stand for themselves. It matches a name
 * that has the same number of RDNs in the same order, each with the same types of attributes
 * (without regard to case; in any order within an RDN) and a matching value of each (case counts).
 * `,*` at its end allows further RDNs.
 * `#hex` matches only the same `#hex`. */
#ifndef ACL_DN_H
#define ACL_DN_H

#include <stdbool.h>
#include "base/buf.h"
#include "base/error.h"

struct dn_attribute {
    char *type;    /* upper case; owned */
    char *bytes;   /* the value, unescaped, or the digits of #hex in lower case; owned */
    bool *special; /* which bytes are wildcards; NULL if none is; owned */
    size_t len;
    bool hex;
};

struct dn_rdn {
    struct dn_attribute *attributes; /* in the order of their types, each once; owned */
    size_t n;
};

struct acl_dn {
    struct dn_rdn *rdns; /* owned */
    size_t n;
    bool more; /* a pattern that ends in ",*" */
    bool wild; /* a pattern that is not one exact name */
};

/* Strict: no white space or quotes around anything, no empty name, no control bytes, no type twice
 * in an RDN, no two CNs. Free with acl_dn_free in any case. */
int acl_dn_parse(const char *text, bool pattern, struct acl_dn *out, struct error *err) MUST_CHECK;
void acl_dn_free(struct acl_dn *dn);

bool acl_dn_match(const struct acl_dn *pattern, const struct acl_dn *name);

/* Appends a text that is the same for equal names only. Not for what is wild. */
void acl_dn_write_key(const struct acl_dn *dn, struct buf *out);

#endif
