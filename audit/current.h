/* The file that the chain is in now, and what may happen to it: opened, moved away, removed,
 * changed, closed as a segment. All under the writer's mutex. */
#ifndef AUDIT_CURRENT_H
#define AUDIT_CURRENT_H

#include "audit/internal.h"
#include "audit/lock.h"

/* At the start: where the chain goes on. */
int current_find_chain(struct audit *a, const struct lock_state *state,
                       struct error *err) MUST_CHECK;

/* Before anything is appended: is the file still the one that we know? If it was moved away, goes
 * on in a new one. */
int current_prepare(struct audit *a, struct error *err) MUST_CHECK;

/* Looks at once whether the log was moved away. On failure the old file stays in use. */
int current_reopen(struct audit *a, struct error *err) MUST_CHECK;

/* Whether there is anything in the segment but its own beginning and seals. */
bool current_is_worth_closing(const struct audit *a);

/* The file takes the name of a closed segment, and `take_next`, which is at segment_next_path,
 * empty, its place; the next commit begins the new segment. On failure everything stays as it is
 * and the caller keeps `take_next`. If the old one is to be brought to the disk first, the new one
 * waits for that. */
int current_close_segment(struct audit *a, struct audit_file *take_next,
                          struct error *err) MUST_CHECK;

/* What the file waited for is on disk: now it takes the log's name. */
int current_take_place(struct audit *a, struct error *err) MUST_CHECK;

/* How the last rotation went, ours or somebody's. If it failed the chain goes on in the old file.
 */
void current_note_rotation(struct audit *a, int rc, const struct error *err);

/* Brings the lock's state up to date. */
void write_lock_state(struct audit *a, bool clean);

/* Not under the mutex: the same, and on the disk. A start looks in plain files for where the chain
 * went on from there, so this comes before closed ones are compressed, or go. */
int current_sync_lock(struct audit *a, struct error *err) MUST_CHECK;

#endif
