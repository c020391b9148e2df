/* The verifier's second look: the hash of a record that was read too long ago to be remembered, for
 * a seal that stands far behind what it seals. Such a seal is compared like any other, or who puts
 * enough between the two could have it vouch for anything. */
#include "config.h"
#include "audit/verify_internal.h"

#include <inttypes.h>
#include "audit/lines.h"

/* Seals that are looked up while RECENT records come, at most: each costs a read or several. How
 * far behind a seal may stand has no bound, since a token signs in its own time and the end of a
 * closed segment waits for it. But sealer.c makes one after the other: when a seal is appended,
 * what those to come will cover is settled for two ends of segments, for a seal that is due, and
 * for one by a key that changes, at most; any other will cover that seal. So within RECENT records
 * there come no more than five that stand RECENT records or more behind. */
#define LOOK_UPS 8u

static int read_hash(struct audit_source *source, uint64_t seq,
                     unsigned char hash[AUDIT_HASH_BYTES], struct error *err)
{
    CLEANUP_LINE_READER struct line_reader r;
    struct line_ends ends;
    struct span line;
    uint64_t offset;
    int rc = lines_find_seq(source, seq, &offset, err);
    if (rc < 0)
        return rc;
    line_reader_init(&r, source, offset);
    r.block = AUDIT_LINE_MAX / 8; /* it is one line */
    rc = line_reader_next(&r, &line, err);
    if (rc < 0)
        return rc;
    if (rc == 0 || !line_parse_ends(line, &ends) || ends.seq != seq)
        return error_set(err, ERROR_STATE, "%s: it is there no more", audit_source_name(source));
    memcpy(hash, ends.hash, AUDIT_HASH_BYTES);
    return 0;
}

static int find_hash(struct verify *v, uint64_t seq, unsigned char hash[AUDIT_HASH_BYTES],
                     struct error *err)
{
    CLEANUP_SOURCE struct audit_source *other = NULL;
    const struct audit_segment *g = audit_segments_find(v->files, seq);
    if (g == v->file)
        return read_hash(v->source, seq, hash, err);
    if (!g)
        return error_set(err, ERROR_STATE, "no file has it");
    int rc = verify_open(g, &other, err);
    return rc < 0 ? rc : read_hash(other, seq, hash, err);
}

bool verify_look_up(struct verify *v, const struct verify_line *at, uint64_t seq,
                    unsigned char hash[AUDIT_HASH_BYTES])
{
    struct error err;
    if (v->looked_up >= LOOK_UPS * (1 + v->out->records / RECENT)) {
        verify_fault(
            v, AUDIT_FAULT_SEAL_DIGEST, at,
            "it stands far behind record %" PRIu64
            ", which it seals, as more seals do than a gateway makes: they are not compared",
            seq);
        return false;
    }
    v->looked_up++;
    if (find_hash(v, seq, hash, &err) == 0)
        return true;
    verify_fault(v, AUDIT_FAULT_SEAL_DIGEST, at,
                 "record %" PRIu64 ", which it seals, cannot be compared with it: %s", seq,
                 err.text);
    return false;
}
