#include "config.h"
#include "acl/dn.h"

#include <stdlib.h>
#include <string.h>
#include "base/mem.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS  "0123456789"

struct dn_reader {
    const char *next;
    bool pattern;
    struct error *err;
};

static int refuse(struct dn_reader *r, const char *sentence)
{
    return error_set(r->err, ERROR_INVALID, "%s", sentence);
}

/* --- types ------------------------------------------------------------------------------------ */

static bool is_oid(const char *s, size_t len)
{
    if (len == 0 || s[0] == '.' || s[len - 1] == '.' || !memchr(s, '.', len))
        return false;
    for (size_t i = 0; i + 1 < len; i++) {
        if (s[i] == '.' && s[i + 1] == '.')
            return false;
    }
    return strspn(s, DIGITS ".") >= len;
}

static bool is_keyword(const char *s, size_t len)
{
    return len > 0 && strspn(s, LETTERS) > 0 && strspn(s, LETTERS DIGITS "-") >= len;
}

static int read_type(struct dn_reader *r, struct dn_attribute *a)
{
    size_t len = strcspn(r->next, "=,+");
    if (r->next[len] != '=')
        return refuse(r, "each part of a name is TYPE=VALUE");
    if (!is_keyword(r->next, len) && !is_oid(r->next, len))
        return refuse(r, "an attribute's type is a word such as CN, or a dotted number, "
                         "without spaces around it");
    a->type = mem_strndup(r->next, len);
    for (char *p = a->type; *p; p++) {
        if (*p >= 'a' && *p <= 'z')
            *p = (char)(*p - 'a' + 'A');
    }
    r->next += len + 1;
    return 0;
}

/* --- values ----------------------------------------------------------------------------------- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool ends_value(char c)
{
    return c == '\0' || c == ',' || c == '+';
}

static int read_hex_value(struct dn_reader *r, struct dn_attribute *a)
{
    const char *digits = ++r->next;
    while (hex_digit(*r->next) >= 0)
        r->next++;
    a->hex = true;
    a->len = (size_t)(r->next - digits);
    if (a->len == 0 || a->len % 2 || !ends_value(*r->next))
        return refuse(r, "a value that begins with # is pairs of hexadecimal digits "
                         "(a # that is meant is written \\#)");
    a->bytes = mem_strndup(digits, a->len);
    for (char *p = a->bytes; *p; p++) {
        if (*p >= 'A' && *p <= 'F')
            *p = (char)(*p - 'A' + 'a');
    }
    return 0;
}

/* RFC 4514, section 3, "pair". */
static int read_escape(struct dn_reader *r, char *out)
{
    const char *s = r->next + 1;
    int high = hex_digit(s[0]);
    int low = high < 0 ? -1 : hex_digit(s[1]);
    if (low >= 0) {
        *out = (char)(high << 4 | low);
        r->next += 3;
        return 0;
    }
    if (!*s || !(strchr(" \"#+,;<=>\\", *s) || (r->pattern && strchr("*?", *s))))
        return refuse(r, "\\ comes before a special character or two hexadecimal digits only");
    *out = *s;
    r->next += 2;
    return 0;
}

static int read_byte(struct dn_reader *r, char *out, bool *special)
{
    *special = false;
    if (*r->next == '\\') {
        int rc = read_escape(r, out);
        if (rc < 0)
            return rc;
    } else if (strchr("\";<>", *r->next)) {
        return refuse(r, "one of \" ; < > in a value is written with a \\ before it");
    } else {
        *out = *r->next++;
        *special = r->pattern && (*out == '*' || *out == '?');
    }
    if ((unsigned char)*out < 0x20 || *out == 0x7f)
        return refuse(r, "a control byte in a name");
    return 0;
}

static int read_value(struct dn_reader *r, struct dn_attribute *a)
{
    if (*r->next == '#')
        return read_hex_value(r, a);
    size_t max = strlen(r->next) + 1;
    a->bytes = mem_alloc(max);
    CLEANUP_FREE bool *special = MEM_NEW_N(bool, max);
    bool any = false, bare_space = *r->next == ' ';
    while (!bare_space && !ends_value(*r->next)) {
        bool space = *r->next == ' ';
        int rc = read_byte(r, &a->bytes[a->len], &special[a->len]);
        if (rc < 0)
            return rc;
        any = any || special[a->len];
        a->len++;
        bare_space = space && ends_value(*r->next);
    }
    if (bare_space)
        return refuse(r,
                      "a space at the beginning or end of a value is written with a \\ before it");
    if (any)
        a->special = TAKE_PTR(special);
    return 0;
}

/* --- names ------------------------------------------------------------------------------------ */

static int compare_types(const void *a, const void *b)
{
    const struct dn_attribute *x = a, *y = b;
    return strcmp(x->type, y->type);
}

static int read_attribute(struct dn_reader *r, struct dn_rdn *rdn)
{
    rdn->attributes = mem_realloc_array(rdn->attributes, rdn->n + 1, sizeof(*rdn->attributes));
    struct dn_attribute *a = &rdn->attributes[rdn->n++];
    *a = (struct dn_attribute){ 0 };
    int rc = read_type(r, a);
    return rc < 0 ? rc : read_value(r, a);
}

static int read_rdn(struct dn_reader *r, struct dn_rdn *rdn)
{
    for (;;) {
        int rc = read_attribute(r, rdn);
        if (rc < 0)
            return rc;
        if (*r->next != '+')
            break;
        r->next++;
    }
    qsort(rdn->attributes, rdn->n, sizeof(*rdn->attributes), compare_types);
    for (size_t i = 1; i < rdn->n; i++) {
        if (compare_types(&rdn->attributes[i - 1], &rdn->attributes[i]) == 0)
            return refuse(r, "the same type twice in one part of a name");
    }
    return 0;
}

static bool is_common_name(const struct dn_attribute *a)
{
    return strcmp(a->type, "CN") == 0 || strcmp(a->type, "2.5.4.3") == 0;
}

static int finish(struct dn_reader *r, struct acl_dn *dn)
{
    unsigned common_names = 0;
    dn->wild = dn->more;
    for (size_t i = 0; i < dn->n; i++) {
        for (size_t j = 0; j < dn->rdns[i].n; j++) {
            common_names += is_common_name(&dn->rdns[i].attributes[j]);
            dn->wild = dn->wild || dn->rdns[i].attributes[j].special;
        }
    }
    return common_names > 1 ? refuse(r, "a name with two CNs is no identity") : 0;
}

int acl_dn_parse(const char *text, bool pattern, struct acl_dn *out, struct error *err)
{
    struct dn_reader r = { .next = text, .pattern = pattern, .err = err };
    size_t cap = 0;
    *out = (struct acl_dn){ 0 };
    for (;;) {
        mem_grow((void **)&out->rdns, &cap, out->n + 1, sizeof(*out->rdns));
        struct dn_rdn *rdn = &out->rdns[out->n++];
        *rdn = (struct dn_rdn){ 0 };
        int rc = read_rdn(&r, rdn);
        if (rc < 0)
            return rc;
        if (*r.next == '\0')
            return finish(&r, out);
        r.next++; /* the comma */
        if (pattern && strcmp(r.next, "*") == 0) {
            out->more = true;
            return finish(&r, out);
        }
    }
}

void acl_dn_free(struct acl_dn *dn)
{
    for (size_t i = 0; i < dn->n; i++) {
        for (size_t j = 0; j < dn->rdns[i].n; j++) {
            free(dn->rdns[i].attributes[j].type);
            free(dn->rdns[i].attributes[j].bytes);
            free(dn->rdns[i].attributes[j].special);
        }
        free(dn->rdns[i].attributes);
    }
    free(dn->rdns);
    *dn = (struct acl_dn){ 0 };
}

/* --- matching --------------------------------------------------------------------------------- */

/* base/glob with the wildcards marked, for a value may hold a literal `*`. */
static bool match_value(const struct dn_attribute *p, const struct dn_attribute *a)
{
    size_t i = 0, t = 0;
    size_t star = p->len, mark = 0; /* the last `*`, and where it stopped matching */

    while (t < a->len) {
        bool wild = i < p->len && p->special && p->special[i];
        if (wild && p->bytes[i] == '*') {
            star = i++;
            mark = t;
        } else if (i < p->len && (wild || p->bytes[i] == a->bytes[t])) {
            i++;
            t++;
        } else if (star < p->len) {
            i = star + 1;
            t = ++mark;
        } else {
            return false;
        }
    }
    while (i < p->len && p->special && p->special[i] && p->bytes[i] == '*')
        i++;
    return i == p->len;
}

static bool match_rdn(const struct dn_rdn *p, const struct dn_rdn *rdn)
{
    if (p->n != rdn->n)
        return false;
    for (size_t i = 0; i < p->n; i++) {
        const struct dn_attribute *x = &p->attributes[i], *y = &rdn->attributes[i];
        if (strcmp(x->type, y->type) != 0 || x->hex != y->hex || !match_value(x, y))
            return false;
    }
    return true;
}

bool acl_dn_match(const struct acl_dn *pattern, const struct acl_dn *name)
{
    if (pattern->more ? pattern->n > name->n : pattern->n != name->n)
        return false;
    for (size_t i = 0; i < pattern->n; i++) {
        if (!match_rdn(&pattern->rdns[i], &name->rdns[i]))
            return false;
    }
    return true;
}

void acl_dn_write_key(const struct acl_dn *dn, struct buf *out)
{
    for (size_t i = 0; i < dn->n; i++) {
        for (size_t j = 0; j < dn->rdns[i].n; j++) {
            const struct dn_attribute *a = &dn->rdns[i].attributes[j];
            buf_add_str(out, j ? "+" : ",");
            buf_add_str(out, a->type);
            buf_add_str(out, a->hex ? "#" : "=");
            buf_add_uint(out, a->len);
            buf_add_char(out, ':');
            buf_add(out, a->bytes, a->len);
        }
    }
}
