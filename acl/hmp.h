/* Which command of the human monitor a line of human-monitor-command runs, and which patterns of a
 * role open it. A line is judged by its first word, and of `info` by the second as well, read as
 * QEMU's monitor reads them: blanks before a word are skipped, a word ends at a blank or a `/`, and
 * a name or an alias is met whole, in its own case; there are no abbreviations. Arguments are not
 * looked at, but that a line holds no control character.
 * Source: QEMU 7.2, monitor/hmp.c; acl/hmp.def has the words. */
#ifndef ACL_HMP_H
#define ACL_HMP_H

#include <stdbool.h>
#include "base/error.h"
#include "base/util.h"

#define ACL_HMP_WORD_MAX 255 /* bytes of a word that QEMU looks at: it cuts what is longer */
#define ACL_HMP_NAME_MAX (2 * ACL_HMP_WORD_MAX + 2) /* two words, a space, NUL */

enum acl_hmp_kind {
    ACL_HMP_MALFORMED, /* refused, whoever allows what: `fault` says why */
    ACL_HMP_UNKNOWN,   /* no word of the table: another QEMU's, or none at all */
    ACL_HMP_PLAIN,
    ACL_HMP_HOST, /* reaches the host: opened by its name only */
};

struct acl_hmp_word {
    enum acl_hmp_kind kind;
    const char *fault; /* static, a phrase; NULL unless malformed */
    /* What it runs: the table's name, with aliases resolved ("info status", "quit" for `q`), or
     * unknown words as the peer wrote them, without control characters, one space between them.
     * Empty if malformed. */
    char name[ACL_HMP_NAME_MAX];
    const char
        *commands; /* static: those that do the same, with spaces between them; NULL: unknown */
};

/* Any bytes will do. Gives out->kind. */
enum acl_hmp_kind acl_hmp_find(struct span line, struct acl_hmp_word *out);

/* The table: its i-th word as acl_hmp_find gives it, and its aliases with `|` between them. */
size_t acl_hmp_table_size(void);
void acl_hmp_table_word(size_t i, struct acl_hmp_word *out);
const char *acl_hmp_table_aliases(size_t i);

/* A pattern of a role, checked and with an alias resolved; the caller's, to be freed. It is one
 * word, or two with one space between them of which the first is `info`. `*` is any run of
 * characters, the space included, `?` is one; "*" is every word, "info *" is all of info but `info`
 * alone. A name without wildcards need not be in the table: it is a word of another QEMU then. */
int acl_hmp_pattern_parse(const char *text, char **out, struct error *err) MUST_CHECK;

/* Does an allow of this pattern open it? With wildcards only what is plain, without any word that
 * it names; nothing that is malformed. */
bool acl_hmp_pattern_match(const char *pattern, const struct acl_hmp_word *word);

/* Does a deny of this pattern close it? Whatever it fits, known or not, and what is malformed. */
bool acl_hmp_pattern_covers(const char *pattern, const struct acl_hmp_word *word);

#endif
