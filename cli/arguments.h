/* A command's arguments as people type them, made into the JSON object that QMP takes.
 *   key=value     a whole number, true, false and what begins with { or [ is taken as JSON, all
 * else as a string key:=JSON     the JSON value as it is: key:='"1"' is the string 1 a.b.c=value
 * members of members; parts that are numbers count a list's elements from 0
 *   {...}         a JSON object, whose members are taken over */
#ifndef CLI_ARGUMENTS_H
#define CLI_ARGUMENTS_H

#include "cli/document.h"

#define ARGUMENTS_DEPTH_MAX 32u   /* parts of a dotted key */
#define ARGUMENTS_LIST_MAX  4096u /* elements of a list made by numbered parts */

/* *out: an object, or NULL where there are no words. The same member given twice is an error. */
int arguments_parse(int n_words, char *const words[], struct json_object **out,
                    struct error *err) MUST_CHECK;

/* A shell line cut into words. Quotes and backslashes work as in sh (without expansions), and JSON
 * needs none: a word that begins with { or [, or goes on so after =, ends where its brackets close.
 */
struct words {
    char **list; /* n strings and a NULL; owned */
    int n;
};
int words_split(const char *line, struct words *out, struct error *err) MUST_CHECK;
void words_clear(struct words *w);
#define CLEANUP_WORDS CLEANUP(words_clear)

#endif
