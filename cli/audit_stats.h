/* Who, what, how often, refused by which rule, what failed, what was slow, and per machine. */
#ifndef CLI_AUDIT_STATS_H
#define CLI_AUDIT_STATS_H

#include "cli/audit_print.h"

struct audit_stats_table;

struct audit_stats_table *audit_stats_new(void);
void audit_stats_free(struct audit_stats_table *s);
void audit_stats_take(struct audit_stats_table *s, const struct audit_record_view *v);
void audit_stats_print(struct audit_stats_table *s, const struct output *o, bool json);

#endif
