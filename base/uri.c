#include "config.h"
#include "base/uri.h"

#include <stdlib.h>
#include <string.h>
#include "base/mem.h"

#define LOWER      "abcdefghijklmnopqrstuvwxyz"
#define UPPER      "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS     "0123456789"
#define UNRESERVED LOWER UPPER DIGITS "-._~"
#define SUB_DELIMS "!$&'()*+,;="

#define AUTHORITY_CHARS UNRESERVED SUB_DELIMS ":[]"
#define PATH_CHARS      UNRESERVED SUB_DELIMS ":@/"
#define QUERY_CHARS     PATH_CHARS "?" /* of a fragment, too */

/* What is read, and what is written over it: as long, or less. */
struct uri_reader {
    const char *next, *end;
    char *write;
    struct error *err;
};

static int refuse(struct uri_reader *r, const char *sentence)
{
    return error_set(r->err, ERROR_INVALID, "%s", sentence);
}

/* strchr without its NUL, which is in no set. */
static bool is_in(char c, const char *set)
{
    return c && strchr(set, c) != NULL;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static char upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

static int digit(char c)
{
    const char *at = c ? strchr("0123456789ABCDEF", upper(c)) : NULL;
    return at ? (int)(at - "0123456789ABCDEF") : -1;
}

static bool at_end_of_part(const struct uri_reader *r, const char *ends)
{
    return r->next == r->end || is_in(*r->next, ends);
}

static int read_scheme(struct uri_reader *r)
{
    if (r->next == r->end || !is_in(*r->next, LOWER UPPER))
        return refuse(r, "a URI begins with its scheme");
    while (r->next < r->end && is_in(*r->next, LOWER UPPER DIGITS "+-."))
        *r->write++ = lower(*r->next++);
    if (r->next == r->end || *r->next != ':')
        return refuse(r, "a URI begins with its scheme");
    *r->write++ = *r->next++;
    return 0;
}

static int read_escape(struct uri_reader *r)
{
    int high = r->end - r->next > 2 ? digit(r->next[1]) : -1;
    int low = high < 0 ? -1 : digit(r->next[2]);
    if (low < 0)
        return refuse(r, "% in a URI comes before two hexadecimal digits");
    char c = (char)(high << 4 | low);
    if ((unsigned char)c < 0x20 || c == 0x7f)
        return refuse(r, "an escaped control character in a URI");
    if (is_in(c, UNRESERVED))
        return refuse(r, "an escape in a URI of what needs none");
    *r->write++ = '%';
    *r->write++ = upper(r->next[1]);
    *r->write++ = upper(r->next[2]);
    r->next += 3;
    return 0;
}

static int read_part(struct uri_reader *r, const char *chars, const char *ends, bool fold)
{
    while (!at_end_of_part(r, ends)) {
        if (*r->next == '%') {
            int rc = read_escape(r);
            if (rc < 0)
                return rc;
        } else if (is_in(*r->next, chars)) {
            *r->write++ = fold ? lower(*r->next) : *r->next;
            r->next++;
        } else {
            return refuse(r, *r->next == '@' ? "a user in a URI's authority"
                                             : "what no URI holds: a control character, a space, "
                                               "what is not ASCII, or a delimiter out of place");
        }
    }
    return 0;
}

static int check_segments(struct uri_reader *r, const char *path)
{
    while (path < r->write) {
        const char *slash = memchr(path, '/', (size_t)(r->write - path));
        size_t len = (size_t)((slash ? slash : r->write) - path);
        if ((len == 1 || len == 2) && memcmp(path, "..", len) == 0)
            return refuse(r, "a segment . or .. in a URI");
        path += len + 1;
    }
    return 0;
}

static int read_rest(struct uri_reader *r)
{
    int rc = 0;
    if (r->end - r->next >= 2 && memcmp(r->next, "//", 2) == 0) {
        *r->write++ = *r->next++;
        *r->write++ = *r->next++;
        rc = read_part(r, AUTHORITY_CHARS, "/?#", true);
    }
    const char *path = r->write;
    if (rc == 0)
        rc = read_part(r, PATH_CHARS, "?#", false);
    if (rc == 0)
        rc = check_segments(r, path);
    for (const char *mark = "?#"; rc == 0 && *mark; mark++) {
        if (r->next < r->end && *r->next == *mark) {
            *r->write++ = *r->next++;
            rc = read_part(r, QUERY_CHARS, *mark == '?' ? "#" : "", false);
        }
    }
    return rc;
}

int uri_normalize(const char *text, size_t len, char **out, struct error *err)
{
    *out = NULL;
    if (len > URI_MAX)
        return error_set(err, ERROR_LIMIT, "a URI of more than %d bytes", URI_MAX);
    CLEANUP_FREE char *normal = mem_alloc(len + 1);
    struct uri_reader r = { .next = text, .end = text + len, .write = normal, .err = err };
    int rc = read_scheme(&r);
    if (rc == 0)
        rc = read_rest(&r);
    if (rc < 0)
        return rc;
    *r.write = '\0';
    *out = TAKE_PTR(normal);
    return 0;
}

bool uri_has_authority(const char *uri)
{
    const char *colon = strchr(uri, ':');
    return colon && strncmp(colon, "://", 3) == 0;
}
