/* What the parts of the verifier share. */
#ifndef AUDIT_VERIFY_INTERNAL_H
#define AUDIT_VERIFY_INTERNAL_H

#include "audit/line.h"
#include "audit/segments.h"
#include "audit/source.h"
#include "audit/verify.h"
#include "base/clock.h"

/* Hashes of the last records, for seals that come after what they seal. Others are looked up. */
#define RECENT 262144u

/* What the last seal promised of the next. */
struct promise {
    bool made;
    uint64_t through; /* of the seal that made it */
    uint64_t every;
    int64_t within_us;
    bool waiting; /* there is something to seal */
    bool over;    /* its end was reached: by then the next one should have come */
    bool told;
    bool resuming;   /* the gateway was down in between; a record of type start must follow */
    unsigned starts; /* since the seal */
    char end[CLOCK_UTC_TEXT]; /* time after which the next is late */
    bool counted;             /* `every` records have come, and `end` says so */
};

/* A line that has been found to be a record. */
struct verify_line {
    struct span line;
    struct line_ends ends;
    const char *time; /* CLOCK_UTC_TEXT - 1 characters, in the form of a time or not */
    struct span type;
    const char *file;
    uint64_t number; /* of the line in the file */
};

struct segment_mark {
    uint64_t first, number; /* record that it begins with; its own number */
};

struct verify {
    const struct audit_verify_settings *settings;
    struct audit_verify_summary *out;

    /* the chain */
    gnutls_hash_hd_t hasher;
    struct audit_chain chain;
    bool begun;                 /* a record was read */
    bool known;                 /* the chain's end is what the next record follows */
    uint64_t segment;           /* number of the one that the chain's end is in; 0: not known */
    struct segment_mark *marks; /* owned: where each segment begins, in order */
    size_t n_marks, cap_marks;
    char last_time[CLOCK_UTC_TEXT];            /* of the record that has the latest */
    unsigned char (*recent)[AUDIT_HASH_BYTES]; /* owned, RECENT of them */
    uint64_t recent_from;                      /* the first record whose hash is in there */

    /* the beginning */
    unsigned char before_first[AUDIT_HASH_BYTES]; /* what the first record follows, as it says */
    bool before_known;
    const char *first_file;

    /* the files */
    const struct audit_segments *files; /* borrowed */
    const struct audit_segment *file;   /* borrowed: the one that is read */
    struct audit_source *source;        /* borrowed: of that */
    uint64_t looked_up;                 /* hashes that were read again */

    /* seals */
    struct promise promise;
    uint64_t last_event;   /* number of the last record that is neither seal nor segment */
    uint64_t last_through; /* of the last good seal, and its time */
    int64_t last_seal_us;
    unsigned char key[AUDIT_HASH_BYTES]; /* of the last seal */
    bool key_known;
    unsigned char next_key[AUDIT_HASH_BYTES];
    bool key_announced;
    struct seal *outside; /* owned; in the order of `through` */
    size_t outside_at;
};

void verify_fault(struct verify *v, enum audit_fault_kind kind, const struct verify_line *at,
                  const char *fmt, ...) PRINTF(4, 5);
void verify_note(struct verify *v, const struct verify_line *at, const char *fmt, ...) PRINTF(3, 4);

/* A record whose place in the chain is good. */
void verify_seals_start(struct verify *v);
void verify_record(struct verify *v, const struct verify_line *at);
void verify_seal(struct verify *v, const struct verify_line *at);
/* The chain's end is a record that a seal from outside may be about. */
void verify_outside(struct verify *v, const struct verify_line *at);
void verify_seals_end(struct verify *v);

/* The file as it was listed, or what it was compressed to since. */
int verify_open(const struct audit_segment *g, struct audit_source **out,
                struct error *err) MUST_CHECK;
/* The hash of a record that was read, and is none of the last, for the seal at `at`. False: a fault
 * was told. */
bool verify_look_up(struct verify *v, const struct verify_line *at, uint64_t seq,
                    unsigned char hash[AUDIT_HASH_BYTES]) MUST_CHECK;

static inline bool verify_type_is(const struct verify_line *at, const char *type)
{
    return at->type.len == strlen(type) && memcmp(at->type.data, type, at->type.len) == 0;
}

#endif
