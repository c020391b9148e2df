/* Where a sink is: number and hash of the last record that its receiver is known to have, in a file
 * of the directory for what outlives the gateway. One line of fixed form, replaced as a whole. */
#ifndef AUDIT_SINK_POSITION_H
#define AUDIT_SINK_POSITION_H

#include "audit/chain.h"

/* Reads one back; false if it is not whole or something else. Of an empty chain number and hash are
 * 0. */
bool sink_position_parse(struct span text, struct audit_chain *out);

#define SINK_POSITION_LEN 102u /* bytes, with the line feed */
void sink_position_format(const struct audit_chain *at, char text[SINK_POSITION_LEN + 1]);

/* The file sink-NAME of the directory, locked against a second gateway. */
struct sink_place;

/* *at is where it was left; zero, and *fresh, if it is new. The directory must be there, be ours to
 * write to, and not anybody's. */
int sink_place_open(const char *directory, const char *name, struct sink_place **out,
                    struct audit_chain *at, bool *fresh, struct error *err) MUST_CHECK;
/* On the disk when it returns: a crash leaves the old position or this one. */
int sink_place_save(struct sink_place *p, const struct audit_chain *at,
                    struct error *err) MUST_CHECK;
void sink_place_close(struct sink_place *p);

/* Is the directory fit for it? What sink_place_open looks at first, for --check. */
int sink_place_check(const char *directory, struct error *err) MUST_CHECK;

#endif
