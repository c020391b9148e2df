#include "config.h"
#include "acl/uri_pattern.h"

#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "base/uri.h"

static const char below[] = "/**";

static bool ends_segment(char c)
{
    return c == '\0' || c == '/' || c == '?' || c == '#';
}

/* The length of a pattern without the part that stands for everything below. */
static size_t length_above(const char *pattern)
{
    size_t len = strlen(pattern), tail = strlen(below);
    return len > tail && strcmp(pattern + len - tail, below) == 0 ? len - tail : len;
}

static int check_pattern(const char *uri, struct error *err)
{
    const char *colon = strchr(uri, ':');
    const char *stars = strstr(uri, "**");
    if (stars && (size_t)(stars - uri) != length_above(uri) + 1)
        return error_set(err, ERROR_INVALID,
                         "in a URI ** stands at the end only, behind a /: for all below");
    if (stars && stars[-2] == '/')
        return error_set(err, ERROR_INVALID, "/** stands behind a name, not behind a /");
    if (stars && colon + strcspn(colon, "?#") < stars)
        return error_set(err, ERROR_INVALID, "/** stands in a URI's path");
    return 0;
}

int acl_uri_parse(const char *text, bool pattern, char **out, struct error *err)
{
    CLEANUP_FREE char *uri = NULL;
    *out = NULL;
    int rc = uri_normalize(text, strlen(text), &uri, err);
    if (rc < 0)
        return rc;
    if (!uri_has_authority(uri))
        return error_set(err, ERROR_INVALID, "a URI that can be named is SCHEME://...");
    rc = pattern ? check_pattern(uri, err) : 0;
    if (rc == 0)
        *out = TAKE_PTR(uri);
    return rc;
}

bool acl_uri_is_wild(const char *pattern)
{
    return strchr(pattern, '*') != NULL;
}

/* base/glob, but a `*` ends with its segment: so each segment of the pattern meets one of the text,
 * and going back to the last `*` is enough. The pattern may end within the text: what is left. */
static const char *match_part(const char *p, const char *end, const char *t, bool open)
{
    const char *star = NULL, *mark = NULL; /* behind the last `*`, and where it stopped matching */
    const char *begin = p;

    for (;;) {
        if (p == end && (open ? ends_segment(*t) : !*t))
            return t;
        if (p < end && *p == '*') {
            bool alone = p > begin && ends_segment(p[-1]) && (p + 1 == end || ends_segment(p[1]));
            if (alone && ends_segment(*t))
                return NULL;
            star = ++p;
            mark = t;
        } else if (p < end && *p == *t) {
            p++;
            t++;
        } else if (star && !ends_segment(*mark)) {
            p = star;
            t = ++mark;
        } else {
            return NULL;
        }
    }
}

bool acl_uri_match(const char *pattern, const char *uri)
{
    size_t above = length_above(pattern);
    bool open = pattern[above] != '\0';
    const char *left = match_part(pattern, pattern + above, uri, open);
    return left && (!open || (left[0] == '/' && left[1] != '\0'));
}
