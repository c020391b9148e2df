/* Room that is set aside on the disk for what must go on when it is full: administration, the ends
 * of sessions, outcomes. It lies behind the file's end (FALLOC_FL_KEEP_SIZE), so nobody who reads
 * the log sees it. */
#ifndef AUDIT_RESERVE_H
#define AUDIT_RESERVE_H

#include "audit/file.h"

/* Sees to it that the disk has set aside `reserve` bytes behind the next `need` ones. In steps, so
 * that most commits cost no system call. 0 also where the filesystem cannot do it, which is said in
 * the log and in `f`. */
int reserve_keep(struct audit_file *f, const char *path, uint64_t reserve, size_t need,
                 struct error *err) MUST_CHECK;

/* Gives it back. */
void reserve_free(struct audit_file *f);

#endif
