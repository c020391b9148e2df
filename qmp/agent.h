/* What a guest agent can do. It has no query-qmp-schema, so its commands are pinned
 * (schema/qga-X.Y.json): what it says of itself, in guest-info, only takes away from them. */
#ifndef QMP_AGENT_H
#define QMP_AGENT_H

#include <stdbool.h>
#include "base/buf.h"
#include "base/util.h"
#include "qmp/schema.h"

/* Commands have numbers from 0, in the order of their names. guest-sync and guest-sync-delimited
 * are none: they are of whoever has the channel. */
unsigned qmp_agent_n_commands(void);
const char *qmp_agent_command(unsigned i);
int qmp_agent_find_command(struct span name); /* -1: there is none */
/* Does it not answer if it succeeds? */
bool qmp_agent_is_silent(unsigned i);

#define QMP_AGENT_VERSION_MAX 64u /* bytes, with NUL, of what it calls its version */

/* What it says of itself: the value that guest-info returns, of any JSON. Sets those that it has
 * and allows, by their numbers, and no others. False: it does not tell. */
bool qmp_agent_read_info(struct span json, bool *enabled,
                         char version[QMP_AGENT_VERSION_MAX]) MUST_CHECK;

/* What query-qmp-schema would return of an agent that has these, by their numbers; NULL: all. */
void qmp_agent_write_schema(const bool *enabled, struct buf *out);
/* Of all; a reference. */
struct qmp_schema *qmp_agent_schema(void);

#endif
