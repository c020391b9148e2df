/* When seals are made, by which key, and what happens when they cannot be. */
#include "tests/unit/audit_fixture.h"

#include <gnutls/x509.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include "audit/line.h"
#include "audit/seal.h"
#include "audit/segment.h"
#include "audit/sign.h"
#include "base/clock.h"

int __real_gnutls_privkey_sign_data2(gnutls_privkey_t key, gnutls_sign_algorithm_t algorithm,
                                     unsigned flags, const gnutls_datum_t *data,
                                     gnutls_datum_t *signature);
int __wrap_gnutls_privkey_sign_data2(gnutls_privkey_t key, gnutls_sign_algorithm_t algorithm,
                                     unsigned flags, const gnutls_datum_t *data,
                                     gnutls_datum_t *signature);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct {
    bool sign_fails, gate_closed, gate_reached;
} faults;

int __wrap_gnutls_privkey_sign_data2(gnutls_privkey_t key, gnutls_sign_algorithm_t algorithm,
                                     unsigned flags, const gnutls_datum_t *data,
                                     gnutls_datum_t *signature)
{
    pthread_mutex_lock(&lock);
    faults.gate_reached = true;
    pthread_cond_broadcast(&changed);
    while (faults.gate_closed)
        pthread_cond_wait(&changed, &lock);
    bool fails = faults.sign_fails;
    pthread_mutex_unlock(&lock);
    return fails ? GNUTLS_E_PKCS11_DEVICE_ERROR
                 : __real_gnutls_privkey_sign_data2(key, algorithm, flags, data, signature);
}

void __real_gnutls_privkey_deinit(gnutls_privkey_t key);
void __wrap_gnutls_privkey_deinit(gnutls_privkey_t key);
static _Atomic bool token_hangs, token_waited;

/* To end a token's session may take as long as to sign with it; 5 s are enough here. */
void __wrap_gnutls_privkey_deinit(gnutls_privkey_t key)
{
    for (unsigned ms = 0; token_hangs && ms < 5000; ms++) {
        token_waited = true;
        usleep(1000);
    }
    __real_gnutls_privkey_deinit(key);
}

int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);
static _Atomic bool sync_fails;
static ino_t wanted_ino; /* of a file whose sync is looked for */
static _Atomic bool wanted_synced;

int __wrap_fdatasync(int fd)
{
    struct stat st;
    if (fstat(fd, &st) == 0 && st.st_ino == wanted_ino)
        wanted_synced = true;
    if (!sync_fails)
        return __real_fdatasync(fd);
    errno = EIO;
    return -1;
}

static void set_gate(bool closed)
{
    pthread_mutex_lock(&lock);
    faults.gate_closed = closed;
    faults.gate_reached = false;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void wait_for_gate(void)
{
    pthread_mutex_lock(&lock);
    while (!faults.gate_reached)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

static void set_sign_fails(bool fails)
{
    pthread_mutex_lock(&lock);
    faults.sign_fails = fails;
    pthread_mutex_unlock(&lock);
}

/* --- keys ------------------------------------------------------------------------------------- */

static char *write_key(const struct fixture *f, const char *name, gnutls_pk_algorithm_t algorithm,
                       mode_t mode)
{
    char *path = mem_printf("%s/%s", f->directory, name);
    gnutls_x509_privkey_t key;
    gnutls_datum_t pem;
    assert_int_equal(gnutls_x509_privkey_init(&key), 0);
    assert_int_equal(
        gnutls_x509_privkey_generate(key, algorithm,
                                     algorithm == GNUTLS_PK_RSA ? 2048
                                     : algorithm == GNUTLS_PK_ECDSA
                                         ? GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1)
                                         : 0,
                                     0),
        0);
    assert_int_equal(
        gnutls_x509_privkey_export2_pkcs8(key, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN, &pem),
        0);
    append_text(path, (const char *)pem.data, pem.size);
    assert_int_equal(chmod(path, mode), 0);
    gnutls_free(pem.data);
    gnutls_x509_privkey_deinit(key);
    return path;
}

static struct audit_signer *make_signer(const struct fixture *f, const char *name)
{
    struct audit_signer *s;
    struct error err;
    CLEANUP_FREE char *path = write_key(f, name, GNUTLS_PK_EDDSA_ED25519, 0600);
    if (audit_signer_load(path, NULL, &s, &err) < 0)
        fail_msg("%s", err.text);
    return s;
}

static void assert_not_loaded(const char *key, const char *public_file, const char *words)
{
    struct audit_signer *s;
    struct error err = { 0 };
    assert_true(audit_signer_load(key, public_file, &s, &err) < 0);
    if (!strstr(err.text, words))
        fail_msg("\"%s\" is not in \"%s\"", words, err.text);
}

static void keys_that_cannot_seal_are_refused(void **state)
{
    struct fixture *f = *state;
    CLEANUP_FREE char *rsa = write_key(f, "rsa", GNUTLS_PK_RSA, 0600);
    CLEANUP_FREE char *ecdsa = write_key(f, "ecdsa", GNUTLS_PK_ECDSA, 0600);
    CLEANUP_FREE char *open = write_key(f, "open", GNUTLS_PK_EDDSA_ED25519, 0644);
    CLEANUP_FREE char *ours = write_key(f, "ours", GNUTLS_PK_EDDSA_ED25519, 0600);
    CLEANUP_FREE char *text = mem_printf("%s/text", f->directory);
    CLEANUP_FREE char *empty = mem_printf("%s/empty", f->directory);
    CLEANUP_FREE char *none = mem_printf("%s/none", f->directory);
    CLEANUP_FREE char *large = mem_printf("%s/large", f->directory);
    append_text(text, "not a key\n", 10);
    append_text(empty, "", 0);
    append_text(large, "", 0);
    assert_int_equal(truncate(large, 1 << 20), 0);
    assert_int_equal(chmod(text, 0600) | chmod(empty, 0600) | chmod(large, 0600), 0);
    assert_not_loaded(rsa, NULL, "this is RSA");
    assert_not_loaded(ecdsa, NULL, "Ed25519 key, and this is EC");
    assert_not_loaded(open, NULL, "everybody may read");
    assert_not_loaded(text, NULL, "no private key");
    assert_not_loaded(empty, NULL, "no private key");
    assert_not_loaded(none, NULL, "No such file");
    assert_not_loaded(large, NULL, "too long");
    assert_not_loaded(f->directory, NULL, "not a regular file");
    assert_not_loaded(ours, none, "No such file");
    assert_not_loaded(ours, text, "no public key");
}

static void a_public_half_of_another_key_is_refused(void **state)
{
    struct fixture *f = *state;
    static const char pem[] = "-----BEGIN PUBLIC KEY-----\n"
                              "MCowBQYDK2VwAyEAuTQVTpEmoswOZT3tQ+ryPlAaQ1NVk7CDEKSPLw/4QwE=\n"
                              "-----END PUBLIC KEY-----\n";
    CLEANUP_FREE char *ours = write_key(f, "ours", GNUTLS_PK_EDDSA_ED25519, 0600);
    CLEANUP_FREE char *other = mem_printf("%s/other", f->directory);
    append_text(other, pem, sizeof(pem) - 1);
    assert_not_loaded(ours, other, "does not belong to the public key");
}

static void a_pin_is_not_told(void **state)
{
    struct audit_signer *s;
    struct error err = { 0 };
    (void)state;
    assert_true(audit_signer_load("pkcs11:token=none;object=x?pin-value=hunter2", NULL, &s, &err) <
                0);
    assert_non_null(strstr(err.text, "token=none"));
    assert_null(strstr(err.text, "hunter2"));
}

/* --- a log ------------------------------------------------------------------------------------ */

struct log {
    const struct fixture *f;
    struct audit *a;
    struct audit_batch *b;
};

static struct log open_with(const struct fixture *f, struct audit_settings settings)
{
    struct log l = { .f = f };
    struct error err;
    settings.path = f->path;
    if (audit_open(&settings, &l.a, &err) < 0)
        fail_msg("%s", err.text);
    l.b = audit_batch_new(l.a);
    return l;
}

static struct log open_sealed(const struct fixture *f, struct audit_signer *signer)
{
    return open_with(f, (struct audit_settings){
                            .keeping = { .signer = signer, .seal_seconds = 3600 },
                        });
}

static void close_log(struct log *l)
{
    audit_batch_free(l->b);
    audit_close(l->a);
}

static void add_one(struct log *l, const char *text)
{
    add_simple(l->b, AUDIT_OUTCOME, text);
    commit(l->b);
}

/* Seals of a file, each looked at: the signature, the digest, the segment. */
struct seals {
    const struct audit_signer *const *keys;
    struct {
        uint64_t seq, segment;
        unsigned char hash[AUDIT_HASH_BYTES];
    } records[2000];
    unsigned n_records;
    uint64_t segment;
    struct seal at[500];
    unsigned n;
};

static void check_seal(struct seals *s, const struct seal *seal)
{
    bool signed_ = false, found = false;
    for (unsigned i = 0; s->keys[i]; i++)
        signed_ |= seal_check(seal, audit_signer_public(s->keys[i]));
    if (!signed_)
        fail_msg("seal %u is signed by nobody", s->n);
    for (unsigned i = 0; i < s->n_records; i++) {
        if (s->records[i].seq != seal->through)
            continue;
        found = true;
        assert_memory_equal(s->records[i].hash, seal->digest, AUDIT_HASH_BYTES);
        assert_int_equal(s->records[i].segment, seal->segment);
    }
    if (!found)
        fail_msg("seal %u covers record %llu, which is not before it", s->n,
                 (unsigned long long)seal->through);
}

static bool take_line(void *opaque, struct span line)
{
    struct seals *s = opaque;
    struct segment_start start;
    struct line_ends ends;
    struct seal seal;
    assert_true(line_parse_ends(line, &ends));
    assert_true(s->n < ARRAY_SIZE(s->at) && s->n_records < ARRAY_SIZE(s->records));
    if (segment_parse(line, &start))
        s->segment = start.number;
    if (seal_parse_line(line, &seal)) {
        check_seal(s, &seal);
        s->at[s->n++] = seal;
    }
    s->records[s->n_records].seq = ends.seq;
    s->records[s->n_records].segment = s->segment;
    memcpy(s->records[s->n_records++].hash, ends.hash, AUDIT_HASH_BYTES);
    return true;
}

static void read_seals(struct seals *s, const char *path)
{
    struct error err;
    struct stat st;
    CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(segment_each_line(fd, path, 0, (uint64_t)st.st_size, take_line, s, &err), 0);
}

static void read_one(struct seals *s, const struct fixture *f, struct audit_signer *const *keys)
{
    *s = (struct seals){ .keys = (const struct audit_signer *const *)keys };
    read_seals(s, f->path);
}

/* --- when ------------------------------------------------------------------------------------- */

static void without_a_key_there_are_no_seals(void **state)
{
    struct fixture *f = *state;
    struct log l = open_with(f, (struct audit_settings){ .keeping.seal_records = 1 });
    add_one(&l, "one");
    assert_false(stats_of(l.a).sealing);
    assert_int_equal(stats_of(l.a).unsealed, 2);
    close_log(&l);
    assert_int_equal(count_text(f->path, "\"type\":\"seal\""), 0);
}

static void the_first_record_and_the_exit_are_sealed_at_once(void **state)
{
    struct fixture *f = *state;
    struct seals s;
    struct audit_signer *keys[] = { make_signer(f, "key"), NULL };
    struct log l = open_sealed(f, keys[0]);
    add_one(&l, "one");
    WAIT_FOR(stats_of(l.a).seals == 1);
    assert_int_equal(stats_of(l.a).unsealed, 0);
    add_one(&l, "two");
    assert_int_equal(stats_of(l.a).unsealed, 2); /* the seal and it */
    close_log(&l);
    read_one(&s, f, keys);
    assert_int_equal(s.n, 2);
    assert_int_equal(s.at[0].reason, SEAL_START);
    assert_int_equal(s.at[0].through, 2);
    assert_int_equal(s.at[0].within, 3600);
    assert_int_equal(s.at[1].reason, SEAL_EXIT);
    assert_int_equal(s.at[1].through, 4);
    assert_chain(f->path, 1, 5);
    audit_signer_unref(keys[0]);
}

static void nothing_new_is_not_sealed_again(void **state)
{
    struct fixture *f = *state;
    struct audit_signer *signer = make_signer(f, "key");
    for (unsigned i = 0; i < 3; i++) {
        struct log l = open_sealed(f, signer);
        if (i == 0)
            add_one(&l, "one");
        WAIT_FOR(i > 0 || stats_of(l.a).seals == 1);
        close_log(&l);
    }
    assert_chain(f->path, 1, 4);
    audit_signer_unref(signer);
}

static void a_seal_comes_after_so_many_records(void **state)
{
    struct fixture *f = *state;
    struct seals s;
    struct audit_signer *keys[] = { make_signer(f, "key"), NULL };
    struct log l = open_with(
        f, (struct audit_settings){ .keeping = { .signer = keys[0], .seal_records = 10 } });
    add_one(&l, "one");
    WAIT_FOR(stats_of(l.a).seals == 1);
    for (unsigned i = 0; i < 8; i++)
        add_one(&l, "more");
    usleep(50000);
    assert_int_equal(stats_of(l.a).seals, 1);
    add_one(&l, "the tenth");
    WAIT_FOR(stats_of(l.a).seals == 2);
    close_log(&l);
    read_one(&s, f, keys);
    assert_int_equal(s.at[1].reason, SEAL_RECORDS);
    assert_int_equal(s.at[1].through, 12);
    assert_int_equal(s.at[1].every, 10);
    audit_signer_unref(keys[0]);
}

static void a_seal_comes_after_so_many_seconds(void **state)
{
    struct fixture *f = *state;
    struct seals s;
    struct audit_signer *keys[] = { make_signer(f, "key"), NULL };
    struct log l = open_with(
        f, (struct audit_settings){ .keeping = { .signer = keys[0], .seal_seconds = 1 } });
    add_one(&l, "one");
    WAIT_FOR(stats_of(l.a).seals == 1);
    add_one(&l, "two");
    int64_t begun = clock_monotonic_us();
    WAIT_FOR(stats_of(l.a).seals == 2);
    assert_true(clock_monotonic_us() - begun > 800 * USEC_PER_MSEC);
    close_log(&l);
    read_one(&s, f, keys);
    assert_int_equal(s.at[1].reason, SEAL_SECONDS);
    audit_signer_unref(keys[0]);
}

static void the_end_of_a_segment_is_sealed_in_the_next(void **state)
{
    struct fixture *f = *state;
    struct error err;
    struct audit_signer *keys[] = { make_signer(f, "key"), NULL };
    struct log l = open_sealed(f, keys[0]);
    CLEANUP_FREE char *closed = mem_printf("%s.0000000001.jsonl", f->path);
    CLEANUP_FREE char *moved = mem_printf("%s.1", f->path);
    add_one(&l, "one");
    WAIT_FOR(stats_of(l.a).seals == 1);
    assert_int_equal(audit_rotate(l.a, &err), 0);
    WAIT_FOR(stats_of(l.a).seals == 2);
    add_one(&l, "two");
    assert_int_equal(rename(f->path, moved), 0); /* as logrotate does */
    assert_int_equal(audit_reopen(l.a, &err), 0);
    WAIT_FOR(stats_of(l.a).seals == 3);
    close_log(&l);

    struct seals s = { .keys = (const struct audit_signer *const *)keys };
    read_seals(&s, closed);
    read_seals(&s, moved);
    assert_int_equal(s.at[1].reason, SEAL_ROTATED);
    assert_int_equal(s.at[1].segment, 1);
    assert_int_equal(s.at[1].through, 3);
    read_seals(&s, f->path);
    assert_int_equal(s.at[2].reason, SEAL_ROTATED);
    assert_int_equal(s.at[2].segment, 2);
    assert_int_equal(s.at[3].reason, SEAL_EXIT);
    audit_signer_unref(keys[0]);
}

static void seals_under_load_all_hold(void **state)
{
    struct fixture *f = *state;
    struct audit_signer *keys[] = { make_signer(f, "key"), NULL };
    for (int sync = AUDIT_SYNC_WRITE; sync <= AUDIT_SYNC_DATA; sync++) {
        struct log l = open_with(f, (struct audit_settings){
                                        .sync = (enum audit_sync)sync,
                                        .keeping = { .signer = keys[0], .seal_records = 7 },
                                    });
        for (unsigned i = 0; i < 300; i++) {
            add_one(&l, "load");
            usleep(500);
        }
        close_log(&l);
    }
    struct seals s;
    read_one(&s, f, keys);
    assert_true(s.n >= 6);
    assert_int_equal(s.at[s.n - 1].reason, SEAL_EXIT);
    assert_int_equal(s.at[s.n - 1].through, s.records[s.n_records - 2].seq);
    audit_signer_unref(keys[0]);
}

/* --- keys that change ------------------------------------------------------------------------- */

static void a_reload_has_the_old_key_seal_the_new(void **state)
{
    struct fixture *f = *state;
    struct seals s;
    struct audit_signer *keys[] = { make_signer(f, "one"), make_signer(f, "two"), NULL };
    struct log l = open_sealed(f, keys[0]);
    add_one(&l, "one");
    WAIT_FOR(stats_of(l.a).seals == 1);
    struct audit_keeping keeping = { .signer = keys[1], .seal_seconds = 3600 };
    audit_configure(l.a, &keeping);
    WAIT_FOR(stats_of(l.a).seals == 2);
    add_one(&l, "two");
    close_log(&l);
    read_one(&s, f, keys);
    assert_int_equal(s.n, 3);
    assert_int_equal(s.at[1].reason, SEAL_KEY);
    assert_true(seal_check(&s.at[1], audit_signer_public(keys[0])));
    assert_memory_equal(s.at[1].next_key, audit_signer_public(keys[1])->der, SEAL_PUBLIC_BYTES);
    assert_true(seal_check(&s.at[2], audit_signer_public(keys[1])));
    audit_signer_unref(keys[0]);
    audit_signer_unref(keys[1]);
}

static void a_reload_with_the_same_key_seals_nothing(void **state)
{
    struct fixture *f = *state;
    struct audit_signer *signer = make_signer(f, "one");
    struct log l = open_sealed(f, signer);
    add_one(&l, "one");
    WAIT_FOR(stats_of(l.a).seals == 1);
    struct audit_keeping keeping = { .signer = signer, .seal_seconds = 3600 };
    audit_configure(l.a, &keeping);
    usleep(50000);
    assert_int_equal(stats_of(l.a).seals, 1);
    close_log(&l);
    audit_signer_unref(signer);
}

static void a_reload_without_a_key_ends_with_a_seal_of_the_old(void **state)
{
    struct fixture *f = *state;
    struct seals s;
    struct audit_signer *keys[] = { make_signer(f, "one"), NULL };
    struct log l = open_sealed(f, keys[0]);
    add_one(&l, "one");
    WAIT_FOR(stats_of(l.a).seals == 1);
    add_one(&l, "two");
    struct audit_keeping keeping = { .seal_seconds = 3600 };
    audit_configure(l.a, &keeping);
    WAIT_FOR(!stats_of(l.a).sealing);
    close_log(&l);
    read_one(&s, f, keys);
    assert_int_equal(s.n, 2);
    assert_int_equal(s.at[1].reason, SEAL_REQUEST);
    assert_int_equal(s.at[1].through, 4);
    audit_signer_unref(keys[0]);
}

static void run_with(const struct fixture *f, struct audit_signer *signer, struct audit_signer *old)
{
    struct log l = open_with(f, (struct audit_settings){
                                    .keeping = { .signer = signer, .seal_seconds = 3600 },
                                    .old_signer = old,
                                });
    add_one(&l, "a record");
    WAIT_FOR(stats_of(l.a).unsealed == 0);
    close_log(&l);
}

static void a_restart_with_the_old_key_at_hand_has_it_seal_the_new(void **state)
{
    struct fixture *f = *state;
    struct seals s;
    struct audit_signer *keys[] = { make_signer(f, "one"), make_signer(f, "two"), NULL };
    run_with(f, keys[0], NULL);
    run_with(f, keys[1], keys[0]);
    run_with(f, keys[1], keys[0]); /* it has done so already */
    read_one(&s, f, keys);
    unsigned n = 0;
    for (unsigned i = 0; i < s.n; i++)
        n += s.at[i].reason == SEAL_KEY;
    assert_int_equal(n, 1);
    audit_signer_unref(keys[0]);
    audit_signer_unref(keys[1]);
}

static void a_restart_with_another_key_alone_has_nobody_vouch_for_it(void **state)
{
    struct fixture *f = *state;
    struct audit_signer *one = make_signer(f, "one"), *two = make_signer(f, "two"),
                        *three = make_signer(f, "three");
    run_with(f, one, NULL);
    run_with(f, two, NULL);
    run_with(f, three, one); /* the last seals were two's */
    assert_int_equal(count_text(f->path, "\"reason\":\"key\""), 0);
    assert_int_equal(count_text(f->path, "\"reason\":\"start\""), 3);
    audit_signer_unref(one);
    audit_signer_unref(two);
    audit_signer_unref(three);
}

/* The lock is as it was before the last seals: the log itself says whose they are. */
static void a_key_change_just_before_a_death_is_remembered(void **state)
{
    struct fixture *f = *state;
    struct audit_signer *one = make_signer(f, "one"), *two = make_signer(f, "two");
    CLEANUP_FREE char *path = mem_printf("%s.lock", f->path);
    run_with(f, one, NULL);
    struct log l = open_sealed(f, one);
    CLEANUP_FREE char *before = read_text(path);
    add_one(&l, "two");
    struct audit_keeping keeping = { .signer = two, .seal_seconds = 3600 };
    audit_configure(l.a, &keeping);
    WAIT_FOR(count_text(f->path, "\"reason\":\"key\"") == 1);
    close_log(&l);
    assert_int_equal(truncate(path, 0), 0);
    append_text(path, before, strlen(before));
    run_with(f, two, one);
    assert_int_equal(count_text(f->path, "\"reason\":\"key\""), 1);
    audit_signer_unref(one);
    audit_signer_unref(two);
}

/* --- what goes wrong -------------------------------------------------------------------------- */

static void a_key_that_does_not_sign_stops_nothing_and_is_told(void **state)
{
    struct fixture *f = *state;
    struct seals s;
    struct audit_signer *keys[] = { make_signer(f, "key"), NULL };
    struct log l = open_sealed(f, keys[0]);
    set_sign_fails(true);
    add_one(&l, "one");
    WAIT_FOR(stats_of(l.a).seal_failures > 0);
    assert_non_null(strstr(stats_of(l.a).seal_error, "does not sign"));
    add_one(&l, "two");
    assert_false(stats_of(l.a).failing);
    assert_int_equal(stats_of(l.a).unsealed, 3);
    set_sign_fails(false);
    WAIT_FOR(stats_of(l.a).seals == 1);
    assert_string_equal(stats_of(l.a).seal_error, "");
    assert_int_equal(stats_of(l.a).unsealed, 0);
    close_log(&l);
    read_one(&s, f, keys);
    assert_int_equal(s.at[0].through, 3);
    audit_signer_unref(keys[0]);
}

/* Or the next power failure would make the seal a lie. */
static void what_is_not_on_the_disk_is_not_sealed(void **state)
{
    struct fixture *f = *state;
    struct audit_signer *signer = make_signer(f, "key");
    struct log l = open_with(f, (struct audit_settings){
                                    .sync = AUDIT_SYNC_DATA,
                                    .keeping = { .signer = signer, .seal_records = 1 },
                                });
    sync_fails = true;
    add_one(&l, "one");
    WAIT_FOR(stats_of(l.a).failing);
    usleep(50000);
    assert_int_equal(stats_of(l.a).seals, 0);
    sync_fails = false;
    add_one(&l, "two");
    WAIT_FOR(stats_of(l.a).seals > 0);
    close_log(&l);
    assert_true(count_text(f->path, "\"type\":\"seal\"") > 0);
    audit_signer_unref(signer);
}

/* Returns when a run has written a record, closed the segment, written another and was killed. */
static void run_and_die(const struct fixture *f)
{
    pid_t child = fork();
    int status;
    if (child == 0) {
        struct audit *a = open_audit(f->path, AUDIT_SYNC_WRITE);
        struct audit_batch *b = audit_batch_new(a);
        struct error err;
        add_simple(b, AUDIT_INTENT, "one");
        commit(b);
        bool good = audit_rotate(a, &err) == 0;
        add_simple(b, AUDIT_INTENT, "two");
        commit(b);
        _exit(good ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void what_a_death_left_in_memory_is_not_sealed(void **state)
{
    struct fixture *f = *state;
    struct audit_signer *signer = make_signer(f, "key");
    run_and_die(f);
    sync_fails = true;
    struct log l = open_sealed(f, signer);
    usleep(200000);
    assert_int_equal(stats_of(l.a).seals, 0);
    sync_fails = false;
    add_one(&l, "after");
    WAIT_FOR(stats_of(l.a).seals == 1);
    close_log(&l);
    audit_signer_unref(signer);
}

static void nor_what_it_left_in_a_segment_that_was_just_closed(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    CLEANUP_FREE char *closed = mem_printf("%s.0000000001.jsonl", f->path);
    struct audit_signer *signer = make_signer(f, "key");
    run_and_die(f);
    assert_int_equal(stat(closed, &st), 0);
    wanted_synced = false;
    wanted_ino = st.st_ino;
    struct log l = open_sealed(f, signer);
    assert_true(wanted_synced);
    wanted_ino = 0;
    close_log(&l);
    audit_signer_unref(signer);
}

static void a_key_that_is_slow_holds_nobody_up(void **state)
{
    struct fixture *f = *state;
    struct error err;
    struct audit_signer *signer = make_signer(f, "key");
    struct log l = open_sealed(f, signer);
    set_gate(true);
    add_one(&l, "one");
    wait_for_gate();
    for (unsigned i = 0; i < 10; i++)
        add_one(&l, "while it signs");
    assert_int_equal(audit_rotate(l.a, &err), 0);
    assert_int_equal(audit_reopen(l.a, &err), 0);
    assert_int_equal(stats_of(l.a).segment, 2);
    set_gate(false);
    close_log(&l);
    audit_signer_unref(signer);
}

static void a_key_that_does_not_let_go_holds_nobody_up(void **state)
{
    struct fixture *f = *state;
    struct audit_signer *one = make_signer(f, "one"), *two = make_signer(f, "two");
    struct log l = open_sealed(f, one);
    audit_signer_unref(one);
    add_one(&l, "one");
    WAIT_FOR(stats_of(l.a).seals == 1);
    token_waited = false;
    token_hangs = true;
    struct audit_keeping keeping = { .signer = two, .seal_seconds = 3600 };
    audit_configure(l.a, &keeping);
    WAIT_FOR(token_waited);
    int64_t begun = clock_monotonic_us();
    add_one(&l, "while it hangs");
    audit_configure(l.a, &keeping);
    assert_true(clock_monotonic_us() - begun < 4 * USEC_PER_SEC);
    token_hangs = false;
    close_log(&l);
    audit_signer_unref(two);
}

static void a_file_that_is_lost_while_it_is_sealed_breaks_nothing(void **state)
{
    struct fixture *f = *state;
    struct audit_signer *signer = make_signer(f, "key");
    struct log l = open_sealed(f, signer);
    set_gate(true);
    add_one(&l, "one");
    wait_for_gate();
    assert_int_equal(unlink(f->path), 0);
    set_gate(false);
    WAIT_FOR(stats_of(l.a).seals + stats_of(l.a).seal_failures > 0);
    add_simple(l.b, AUDIT_OUTCOME, "two");
    struct error err;
    uint64_t ticket;
    if (audit_batch_commit(l.b, &ticket, &err) < 0)
        commit(l.b);
    close_log(&l);
    struct audit_chain_summary summary;
    assert_int_equal(audit_verify_chain(f->path, &summary, &err), 0);
    audit_signer_unref(signer);
}

static void a_key_that_fails_at_the_exit_leaves_it_unsealed(void **state)
{
    struct fixture *f = *state;
    struct audit_signer *signer = make_signer(f, "key");
    struct log l = open_sealed(f, signer);
    add_one(&l, "one");
    WAIT_FOR(stats_of(l.a).seals == 1);
    add_one(&l, "two");
    set_sign_fails(true);
    close_log(&l);
    set_sign_fails(false);
    assert_chain(f->path, 1, 4);
    assert_int_equal(count_text(f->path, "\"reason\":\"exit\""), 0);
    /* the next start seals what was left */
    l = open_sealed(f, signer);
    WAIT_FOR(stats_of(l.a).seals == 1);
    close_log(&l);
    assert_int_equal(count_text(f->path, "\"reason\":\"start\",\"through\":4"), 1);
    audit_signer_unref(signer);
}

/* --- seal_command ----------------------------------------------------------------------------- */

static struct log open_exporting(const struct fixture *f, struct audit_signer *signer,
                                 const char *command)
{
    return open_with(
        f, (struct audit_settings){
               .keeping = { .signer = signer, .seal_seconds = 3600, .seal_command = command } });
}

static void a_command_gets_every_seal(void **state)
{
    struct fixture *f = *state;
    struct audit_signer *signer = make_signer(f, "key");
    struct error err;
    CLEANUP_FREE char *out = mem_printf("%s/out", f->directory);
    CLEANUP_FREE char *command = mem_printf("cat >>%s; echo $$ >&2", out);
    struct log l = open_exporting(f, signer, command);
    add_one(&l, "one");
    WAIT_FOR(stats_of(l.a).seals == 1);
    assert_int_equal(audit_rotate(l.a, &err), 0);
    close_log(&l);
    CLEANUP_FREE char *text = read_text(out);
    unsigned n = 0;
    for (char *line = text, *feed; (feed = strchr(line, '\n')) != NULL; line = feed + 1, n++) {
        struct seal seal;
        assert_true(seal_parse_exported((struct span){ line, (size_t)(feed - line) }, &seal));
        assert_true(seal_check(&seal, audit_signer_public(signer)));
    }
    assert_true(n >= 2);
    assert_non_null(strstr(text, "\"reason\":\"exit\""));
    audit_signer_unref(signer);
}

static void a_command_that_fails_is_told_and_tried_again(void **state)
{
    struct fixture *f = *state;
    struct audit_signer *signer = make_signer(f, "key");
    CLEANUP_FREE char *out = mem_printf("%s/out", f->directory);
    CLEANUP_FREE char *command = mem_printf("test -e %s && cat >>%s", out, out);
    struct log l = open_exporting(f, signer, command);
    add_one(&l, "one");
    WAIT_FOR(stats_of(l.a).seal_command_failing);
    assert_int_equal(stats_of(l.a).seal_failures, 0);
    append_text(out, "", 0);
    WAIT_FOR(!stats_of(l.a).seal_command_failing);
    close_log(&l);
    assert_int_equal(count_text(out, "\"reason\":\"start\""), 1);
    audit_signer_unref(signer);
}

static void a_command_that_hangs_is_killed_with_its_children(void **state)
{
    struct fixture *f = *state;
    struct audit_signer *signer = make_signer(f, "key");
    CLEANUP_FREE char *pid = mem_printf("%s/pid", f->directory);
    CLEANUP_FREE char *command = mem_printf("sleep 1000 & echo $! >%s; wait", pid);
    struct log l = open_exporting(f, signer, command);
    add_one(&l, "one");
    int64_t begun = clock_monotonic_us();
    WAIT_FOR(stats_of(l.a).seal_command_failing);
    assert_true(clock_monotonic_us() - begun > 9 * USEC_PER_SEC);
    struct audit_keeping keeping = { .signer = signer, .seal_seconds = 3600 };
    audit_configure(l.a, &keeping);
    close_log(&l);
    CLEANUP_FREE char *text = read_text(pid);
    WAIT_FOR(kill((pid_t)strtol(text, NULL, 10), 0) < 0);
    audit_signer_unref(signer);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        AUDIT_TEST(keys_that_cannot_seal_are_refused),
        AUDIT_TEST(a_public_half_of_another_key_is_refused),
        cmocka_unit_test(a_pin_is_not_told),
        AUDIT_TEST(without_a_key_there_are_no_seals),
        AUDIT_TEST(the_first_record_and_the_exit_are_sealed_at_once),
        AUDIT_TEST(nothing_new_is_not_sealed_again),
        AUDIT_TEST(a_seal_comes_after_so_many_records),
        AUDIT_TEST(a_seal_comes_after_so_many_seconds),
        AUDIT_TEST(the_end_of_a_segment_is_sealed_in_the_next),
        AUDIT_TEST(seals_under_load_all_hold),
        AUDIT_TEST(a_reload_has_the_old_key_seal_the_new),
        AUDIT_TEST(a_reload_with_the_same_key_seals_nothing),
        AUDIT_TEST(a_reload_without_a_key_ends_with_a_seal_of_the_old),
        AUDIT_TEST(a_restart_with_the_old_key_at_hand_has_it_seal_the_new),
        AUDIT_TEST(a_restart_with_another_key_alone_has_nobody_vouch_for_it),
        AUDIT_TEST(a_key_change_just_before_a_death_is_remembered),
        AUDIT_TEST(a_key_that_does_not_sign_stops_nothing_and_is_told),
        AUDIT_TEST(what_is_not_on_the_disk_is_not_sealed),
        AUDIT_TEST(what_a_death_left_in_memory_is_not_sealed),
        AUDIT_TEST(nor_what_it_left_in_a_segment_that_was_just_closed),
        AUDIT_TEST(a_key_that_is_slow_holds_nobody_up),
        AUDIT_TEST(a_key_that_does_not_let_go_holds_nobody_up),
        AUDIT_TEST(a_file_that_is_lost_while_it_is_sealed_breaks_nothing),
        AUDIT_TEST(a_key_that_fails_at_the_exit_leaves_it_unsealed),
        AUDIT_TEST(a_command_gets_every_seal),
        AUDIT_TEST(a_command_that_fails_is_told_and_tried_again),
        AUDIT_TEST(a_command_that_hangs_is_killed_with_its_children),
    };
    return cmocka_run_group_tests_name("audit_seals", tests, NULL, NULL);
}
