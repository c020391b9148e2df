/* What was probably meant: the name that fewest slips of the fingers make. */
#include "config.h"
#include "libqdev/catalogue.h"

#include <string.h>

#define LONGEST 64u /* bytes; longer names are not mistaken */

static size_t least(size_t a, size_t b, size_t c)
{
    size_t m = a < b ? a : b;
    return m < c ? m : c;
}

/* Letters that are missing, too many, wrong, or in each other's place (optimal string alignment).
 */
static size_t distance(const char *a, size_t n, const char *b, size_t m)
{
    size_t rows[3][LONGEST + 1];
    size_t *before = rows[0], *last = rows[1], *row = rows[2];
    for (size_t j = 0; j <= m; j++)
        last[j] = j;
    for (size_t i = 1; i <= n; i++) {
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            row[j] = least(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least(row[j], before[j - 2] + 1, row[j]);
        }
        size_t *spare = before;
        before = last;
        last = row;
        row = spare;
    }
    return last[m];
}

const char *nearest_name(const char *name, const char *(*at)(const void *in, size_t i),
                         const void *in, size_t n)
{
    size_t len = strlen(name), best = len < 3 ? 1 : len < 9 ? 2 : 3;
    const char *found = NULL;
    if (len > LONGEST)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        const char *other = at(in, i);
        size_t other_len = strlen(other);
        if (other_len > LONGEST)
            continue;
        size_t d = distance(name, len, other, other_len);
        if (d <= best && d < len && (!found || d < best)) {
            best = d;
            found = other;
        }
    }
    return found;
}
