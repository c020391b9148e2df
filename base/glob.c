#include "config.h"
#include "base/glob.h"

#include <string.h>

bool glob_match(const char *pattern, size_t pattern_len, const char *text, size_t len)
{
    size_t p = 0, t = 0;
    size_t star = pattern_len, mark = 0; /* the last `*`, and where it stopped matching */

    while (t < len) {
        if (p < pattern_len && pattern[p] == '*') {
            star = p++;
            mark = t;
        } else if (p < pattern_len && (pattern[p] == '?' || pattern[p] == text[t])) {
            p++;
            t++;
        } else if (star < pattern_len) {
            p = star + 1;
            t = ++mark;
        } else {
            return false;
        }
    }
    while (p < pattern_len && pattern[p] == '*')
        p++;
    return p == pattern_len;
}

bool glob_is_pattern(const char *pattern)
{
    return strpbrk(pattern, "*?") != NULL;
}
