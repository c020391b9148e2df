/* Closed segments: compressed without loss, removed only when they may be; and every step of it
 * left undone by a death. */
#include "tests/unit/audit_fixture.h"

#include <sys/wait.h>
#include "audit/compress.h"
#include "audit/internal.h"
#include "audit/lines.h"
#include "audit/retention.h"
#include "audit/segments.h"
#include "audit/source.h"
#include "audit/sign.h"
#include "base/clock.h"

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);
int __real_unlink(const char *path);
int __wrap_unlink(const char *path);

/* The call of this name and number ends the process, before it does anything. */
static struct {
    const char *call;
    unsigned n;
} death;
static bool fsync_fails;
static _Atomic bool sign_fails;

int __real_gnutls_privkey_sign_data2(gnutls_privkey_t key, gnutls_sign_algorithm_t algorithm,
                                     unsigned flags, const gnutls_datum_t *data,
                                     gnutls_datum_t *signature);
int __wrap_gnutls_privkey_sign_data2(gnutls_privkey_t key, gnutls_sign_algorithm_t algorithm,
                                     unsigned flags, const gnutls_datum_t *data,
                                     gnutls_datum_t *signature);

int __wrap_gnutls_privkey_sign_data2(gnutls_privkey_t key, gnutls_sign_algorithm_t algorithm,
                                     unsigned flags, const gnutls_datum_t *data,
                                     gnutls_datum_t *signature)
{
    return sign_fails ? GNUTLS_E_PKCS11_DEVICE_ERROR
                      : __real_gnutls_privkey_sign_data2(key, algorithm, flags, data, signature);
}

static void die_at(const char *call)
{
    if (death.call && strcmp(death.call, call) == 0 && --death.n == 0)
        _exit(9);
}

int __wrap_fsync(int fd)
{
    die_at("fsync");
    if (fsync_fails) {
        errno = ENOSPC;
        return -1;
    }
    return __real_fsync(fd);
}

int __wrap_rename(const char *from, const char *to)
{
    die_at("rename");
    return __real_rename(from, to);
}

int __wrap_unlink(const char *path)
{
    die_at("unlink");
    return __real_unlink(path);
}

static bool always(void *opaque)
{
    (void)opaque;
    return true;
}

static bool never(void *opaque)
{
    (void)opaque;
    return false;
}

/* --- a log with closed segments --------------------------------------------------------------- */

struct log {
    struct audit *a;
    struct audit_batch *b;
};

static struct log open_with(const struct fixture *f, struct audit_keeping keeping, unsigned sinks)
{
    struct audit_settings settings = { .path = f->path, .keeping = keeping, .sinks = sinks };
    struct log l;
    struct error err;
    if (audit_open(&settings, &l.a, &err) < 0)
        fail_msg("%s", err.text);
    l.b = audit_batch_new(l.a);
    return l;
}

static void close_log(struct log *l)
{
    audit_batch_free(l->b);
    audit_close(l->a);
}

/* Closes `n` segments, of some hundred records each. */
static void add_segments(struct log *l, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        struct error err;
        for (unsigned k = 0; k < 300; k++)
            add_simple(l->b, AUDIT_OUTCOME, "something that is said again and again");
        commit(l->b);
        assert_int_equal(audit_rotate(l->a, &err), 0);
    }
}

static char *closed(const struct fixture *f, unsigned number, const char *suffix)
{
    return mem_printf("%s.%010u.jsonl%s", f->path, number, suffix);
}

static bool is_there(const struct fixture *f, unsigned number, const char *suffix)
{
    CLEANUP_FREE char *path = closed(f, number, suffix);
    return access(path, F_OK) == 0;
}

/* All records from `first` to `last` are there, once, whatever the files are called. */
static void assert_records(const struct fixture *f, uint64_t first, uint64_t last)
{
    CLEANUP_SEGMENTS struct audit_segments files = { 0 };
    struct error err;
    assert_int_equal(audit_segments_of_log(&files, f->path, &err), 0);
    uint64_t seq = first;
    for (size_t i = 0; i < files.n; i++) {
        if (files.at[i].twin || files.at[i].first_seq == 0)
            continue;
        struct audit_source *source;
        assert_int_equal(audit_source_open(files.at[i].path, false, &source, &err), 0);
        CLEANUP_LINE_READER struct line_reader r;
        struct span line;
        line_reader_init(&r, source, 0);
        while (line_reader_next(&r, &line, &err) > 0) {
            struct audit_line parts;
            assert_true(audit_line_parse(line, &parts));
            assert_int_equal(parts.seq, seq);
            seq++;
        }
        audit_source_close(source);
    }
    assert_int_equal(seq, last + 1);
}

static int round_now(struct log *l, struct error *err)
{
    return retention_round(l->a, always, NULL, err);
}

/* --- names ------------------------------------------------------------------------------------ */

static void only_names_that_the_gateway_gives_are_its_own(void **state)
{
    static const char *const others[] = {
        "/d/audit.jsonl",
        "/d/audit.jsonl.1",
        "/d/audit.0000000001.jsonl.gz",
        "/d/audit.000000001.jsonl",
        "/d/audit.00000000001.jsonl",
        "/d/audit.0000000001.jsonl.zst.1",
        "/d/audit.0000000001.123.jsonl",
        "/d/audit.0000000001..jsonl",
        "/d/audit-0000000001.jsonl",
        "/d/other.0000000001.jsonl",
        "/d/audit.0000000000.jsonl",
        "/d/audit.0000000001.jsonl.torn.5",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        if (retention_number("/d/audit.jsonl", others[i]) != 0)
            fail_msg("taken: %s", others[i]);
    }
    assert_int_equal(retention_number("/d/audit.jsonl", "/d/audit.0000000012.jsonl"), 12);
    assert_int_equal(retention_number("/d/audit.jsonl", "/d/audit.0000000012.3.jsonl.zst"), 12);
}

/* --- compression ------------------------------------------------------------------------------ */

static void closed_segments_are_compressed_and_nothing_is_lost(void **state)
{
    struct fixture *f = *state;
    struct log l = open_with(f, (struct audit_keeping){ .compress = true }, 0);
    add_segments(&l, 2);
    WAIT_FOR(is_there(f, 1, ".zst") && is_there(f, 2, ".zst") && !is_there(f, 2, ""));
    WAIT_FOR(stats_of(l.a).segments == 3);
    assert_int_equal(stats_of(l.a).oldest_segment, 1);
    close_log(&l);
    assert_false(is_there(f, 1, ""));
    assert_records(f, 1, 603);
    /* what is out in the world reads it too */
    CLEANUP_FREE char *command =
        mem_printf("zstd -dcq %s.0000000001.jsonl.zst | wc -l | grep -qx 301", f->path);
    if (system("command -v zstd >/dev/null") == 0)
        assert_int_equal(system(command), 0);
}

static void a_large_segment_has_many_frames_and_can_be_searched(void **state)
{
    struct fixture *f = *state;
    CLEANUP_FREE char *path = closed(f, 1, "");
    CLEANUP_FREE char *packed = closed(f, 1, ".zst");
    struct error err;
    for (unsigned i = 0; i < 40; i++) {
        CLEANUP_FREE char *text = mem_alloc(100001);
        for (size_t k = 0; k < 100000; k++)
            text[k] = (char)('a' + (k * 7 + i) % 26);
        text[100000] = '\n';
        append_text(path, text, 100001);
    }
    assert_int_equal(compress_segment(path, always, NULL, &err), 0);
    struct audit_source *source;
    assert_int_equal(audit_source_open(packed, false, &source, &err), 0);
    assert_true(audit_source_can_seek(source));
    assert_int_equal(audit_source_size(source), 40 * 100001);
    char c;
    assert_int_equal(audit_source_read(source, &c, 1, 39 * 100001 + 5, &err), 1);
    assert_int_equal(c, 'a' + (35 + 39) % 26);
    audit_source_close(source);
}

static void an_empty_segment_a_link_and_a_directory_are_no_harm(void **state)
{
    struct fixture *f = *state;
    struct error err;
    CLEANUP_FREE char *path = closed(f, 1, "");
    CLEANUP_FREE char *target = mem_printf("%s/target", f->directory);
    append_text(target, "precious\n", 9);
    assert_int_equal(symlink(target, path), 0);
    assert_true(compress_segment(path, always, NULL, &err) < 0);
    assert_int_equal(__real_unlink(path), 0);
    /* planted where the new file is made, and where it goes */
    CLEANUP_FREE char *made = mem_printf("%s/.log.0000000001.jsonl.zst", f->directory);
    CLEANUP_FREE char *packed = closed(f, 1, ".zst");
    append_text(path, "a line\n", 7);
    assert_int_equal(symlink(target, made), 0);
    assert_int_equal(symlink(target, packed), 0);
    assert_true(compress_segment(path, always, NULL, &err) < 0);
    assert_int_equal(access(path, F_OK), 0);
    assert_int_equal(__real_unlink(packed), 0);
    assert_int_equal(compress_segment(path, always, NULL, &err), 0);
    CLEANUP_FREE char *left = read_text(target);
    assert_string_equal(left, "precious\n");
}

static void a_compressed_file_with_other_content_is_not_taken(void **state)
{
    struct fixture *f = *state;
    struct error err;
    CLEANUP_FREE char *path = closed(f, 1, "");
    CLEANUP_FREE char *packed = closed(f, 1, ".zst");
    append_text(path, "a line\n", 7);
    assert_int_equal(compress_segment(path, always, NULL, &err), 0);
    static const char *const others[] = { "b line\n", "a line\nand one more\n", "a\n" };
    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        append_text(path, others[i], strlen(others[i]));
        assert_true(compress_segment(path, always, NULL, &err) < 0);
        assert_non_null(strstr(err.text, "does not hold"));
        assert_int_equal(__real_unlink(path), 0);
    }
    append_text(path, "b line\n", 7);
    assert_int_equal(truncate(packed, 5), 0);
    assert_true(compress_segment(path, always, NULL, &err) < 0);
    assert_int_equal(access(path, F_OK), 0);
}

static void a_full_disk_leaves_the_segment_as_it_was(void **state)
{
    struct fixture *f = *state;
    struct error err;
    CLEANUP_FREE char *path = closed(f, 1, "");
    CLEANUP_FREE char *made = mem_printf("%s/.log.0000000001.jsonl.zst", f->directory);
    append_text(path, "a line\n", 7);
    fsync_fails = true;
    assert_true(compress_segment(path, always, NULL, &err) < 0);
    fsync_fails = false;
    assert_non_null(strstr(err.text, "No space left"));
    assert_int_equal(access(path, F_OK), 0);
    assert_int_not_equal(access(made, F_OK), 0);
    assert_false(is_there(f, 1, ".zst"));
}

static void who_is_stopped_leaves_the_segment_as_it_was(void **state)
{
    struct fixture *f = *state;
    struct error err;
    CLEANUP_FREE char *path = closed(f, 1, "");
    append_text(path, "a line\n", 7);
    assert_int_equal(compress_segment(path, never, NULL, &err), 1);
    assert_int_equal(access(path, F_OK), 0);
    assert_false(is_there(f, 1, ".zst"));
}

/* A death before each call that changes the directory, or brings it to the disk. */
static void a_death_at_any_step_of_a_compression_is_mended(void **state)
{
    static const struct {
        const char *call;
        unsigned n;
    } steps[] = {
        { "unlink", 1 }, { "fsync", 1 }, { "rename", 1 }, { "fsync", 2 }, { "unlink", 2 }
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
        int status;
        remove_files(f->directory);
        struct log l = open_with(f, (struct audit_keeping){ .compress = false }, 0);
        add_segments(&l, 1);
        close_log(&l);
        pid_t child = fork();
        if (child == 0) {
            struct error err;
            CLEANUP_FREE char *path = closed(f, 1, "");
            death.call = steps[i].call;
            death.n = steps[i].n;
            _exit(compress_segment(path, always, NULL, &err) == 0 ? 0 : 1);
        }
        waitpid(child, &status, 0);
        assert_int_equal(WEXITSTATUS(status), 9);
        assert_records(f, 1, 302);

        l = open_with(f, (struct audit_keeping){ .compress = true }, 0);
        WAIT_FOR(is_there(f, 1, ".zst") && !is_there(f, 1, ""));
        close_log(&l);
        assert_records(f, 1, 302);
        CLEANUP_FREE char *made = mem_printf("%s/.log.0000000001.jsonl.zst", f->directory);
        assert_int_not_equal(access(made, F_OK), 0);
    }
}

/* --- removal ---------------------------------------------------------------------------------- */

static void nothing_is_removed_without_being_asked_to(void **state)
{
    struct fixture *f = *state;
    struct error err;
    struct log l = open_with(f, (struct audit_keeping){ .segment_bytes = 0 }, 0);
    add_segments(&l, 3);
    assert_int_equal(round_now(&l, &err), 0);
    close_log(&l);
    assert_records(f, 1, 904);
}

static void the_oldest_go_while_there_are_too_many(void **state)
{
    struct fixture *f = *state;
    struct error err;
    struct stat st;
    CLEANUP_FREE char *first = closed(f, 1, "");
    struct log l = open_with(f, (struct audit_keeping){ .compress = false }, 0);
    add_segments(&l, 4);
    assert_int_equal(stat(first, &st), 0);
    struct audit_keeping keeping = { .keep_bytes = (uint64_t)st.st_size * 5 / 2 };
    audit_configure(l.a, &keeping);
    WAIT_FOR(!is_there(f, 2, ""));
    assert_int_equal(round_now(&l, &err), 0);
    assert_true(is_there(f, 3, "") && is_there(f, 4, ""));
    assert_int_equal(stats_of(l.a).oldest_segment, 3);
    assert_int_equal(stats_of(l.a).segments, 3);
    close_log(&l);
    assert_records(f, 603, 1205);
}

static void what_is_too_old_goes_and_the_log_itself_never(void **state)
{
    struct fixture *f = *state;
    struct log l = open_with(f, (struct audit_keeping){ .compress = false }, 0);
    add_segments(&l, 2);
    struct audit_keeping keeping = { .keep_seconds = 1 };
    usleep(1100000);
    audit_configure(l.a, &keeping);
    WAIT_FOR(!is_there(f, 1, "") && !is_there(f, 2, ""));
    close_log(&l);
    assert_records(f, 603, 603);
}

static void what_a_sink_has_not_shipped_stays(void **state)
{
    struct fixture *f = *state;
    struct error err;
    struct log l = open_with(f, (struct audit_keeping){ .keep_bytes = 1 }, 2);
    add_segments(&l, 3);
    audit_hold_retention(l.a, 0, 10000);
    assert_int_equal(round_now(&l, &err), 0);
    assert_true(is_there(f, 1, ""));
    assert_true(stats_of(l.a).retention_held);
    audit_hold_retention(l.a, 1, 301); /* but for one record */
    assert_int_equal(round_now(&l, &err), 0);
    assert_true(is_there(f, 2, ""));
    assert_false(is_there(f, 1, ""));
    audit_hold_retention(l.a, 1, 10000);
    assert_int_equal(round_now(&l, &err), 0);
    assert_false(is_there(f, 3, ""));
    assert_false(stats_of(l.a).retention_held);
    close_log(&l);
}

static void what_is_not_sealed_stays(void **state)
{
    struct fixture *f = *state;
    struct error err;
    struct audit_signer *signer;
    CLEANUP_FREE char *key = mem_printf("%s/key", f->directory);
    static const char pem[] = "-----BEGIN PRIVATE KEY-----\n"
                              "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n"
                              "-----END PRIVATE KEY-----\n"; /* of RFC 8410 */
    append_text(key, pem, sizeof(pem) - 1);
    assert_int_equal(audit_signer_load(key, NULL, &signer, &err), 0);
    struct log l = open_with(
        f, (struct audit_keeping){ .signer = signer, .seal_records = 1, .keep_bytes = 1 }, 0);
    sign_fails = true;
    add_segments(&l, 2);
    assert_int_equal(round_now(&l, &err), 0);
    assert_true(is_there(f, 1, "") && is_there(f, 2, ""));
    assert_true(stats_of(l.a).retention_held);
    sign_fails = false;
    WAIT_FOR(stats_of(l.a).unsealed == 0);
    assert_int_equal(round_now(&l, &err), 0);
    assert_false(is_there(f, 1, "") || is_there(f, 2, ""));
    close_log(&l);
    audit_signer_unref(signer);
}

static void files_of_others_stay(void **state)
{
    struct fixture *f = *state;
    struct error err;
    CLEANUP_FREE char *moved = mem_printf("%s.1", f->path);
    CLEANUP_FREE char *notes = mem_printf("%s.notes", f->path);
    struct log l = open_with(f, (struct audit_keeping){ .keep_bytes = 1, .compress = true }, 0);
    append_text(notes, "not a log\n", 10);
    add_simple(l.b, AUDIT_OUTCOME, "logrotate's");
    commit(l.b);
    assert_int_equal(__real_rename(f->path, moved), 0);
    assert_int_equal(audit_reopen(l.a, &err), 0);
    add_segments(&l, 1);
    assert_int_equal(round_now(&l, &err), 0);
    assert_int_equal(access(moved, F_OK), 0);
    assert_int_equal(access(notes, F_OK), 0);
    close_log(&l);
}

static void a_directory_that_cannot_be_looked_at_is_told(void **state)
{
    struct fixture *f = *state;
    CLEANUP_FREE char *packed = closed(f, 1, ".zst");
    struct log l = open_with(f, (struct audit_keeping){ .compress = false }, 0);
    add_segments(&l, 1);
    assert_int_equal(mkdir(packed, 0700), 0);
    struct audit_keeping keeping = { .compress = true };
    audit_configure(l.a, &keeping);
    WAIT_FOR(stats_of(l.a).upkeep_error[0]);
    assert_true(stats_of(l.a).upkeep_failures > 0);
    add_simple(l.b, AUDIT_OUTCOME, "goes on");
    commit(l.b);
    assert_int_equal(rmdir(packed), 0);
    audit_configure(l.a, &keeping);
    WAIT_FOR(is_there(f, 1, ".zst"));
    WAIT_FOR(!stats_of(l.a).upkeep_error[0]);
    close_log(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_names_that_the_gateway_gives_are_its_own),
        AUDIT_TEST(closed_segments_are_compressed_and_nothing_is_lost),
        AUDIT_TEST(a_large_segment_has_many_frames_and_can_be_searched),
        AUDIT_TEST(an_empty_segment_a_link_and_a_directory_are_no_harm),
        AUDIT_TEST(a_compressed_file_with_other_content_is_not_taken),
        AUDIT_TEST(a_full_disk_leaves_the_segment_as_it_was),
        AUDIT_TEST(who_is_stopped_leaves_the_segment_as_it_was),
        AUDIT_TEST(a_death_at_any_step_of_a_compression_is_mended),
        AUDIT_TEST(nothing_is_removed_without_being_asked_to),
        AUDIT_TEST(the_oldest_go_while_there_are_too_many),
        AUDIT_TEST(what_is_too_old_goes_and_the_log_itself_never),
        AUDIT_TEST(what_a_sink_has_not_shipped_stays),
        AUDIT_TEST(what_is_not_sealed_stays),
        AUDIT_TEST(files_of_others_stay),
        AUDIT_TEST(a_directory_that_cannot_be_looked_at_is_told),
    };
    return cmocka_run_group_tests_name("audit_retention", tests, NULL, NULL);
}
