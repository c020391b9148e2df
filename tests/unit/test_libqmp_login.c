#include "config.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/mem.h"
#include "base/secret.h"
#include "libqmp/login.h"
#include "libqmp/password_file.h"

struct file {
    char path[64];
};

static void file_write(struct file *f, const char *data, size_t len, mode_t mode)
{
    snprintf(f->path, sizeof(f->path), "/tmp/qmpgate-password-XXXXXX");
    int fd = mkstemp(f->path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, len), len);
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static void assert_password(const char *data, size_t len, const char *password)
{
    struct file f;
    char *got = NULL;
    struct error err;
    file_write(&f, data, len, 0600);
    if (password_file_read(f.path, &got, &err) < 0)
        fail_msg("%s", err.text);
    unlink(f.path);
    assert_string_equal(got, password);
    secret_free(got, strlen(got));
}

static void assert_no_password(const char *data, size_t len, mode_t mode, const char *why)
{
    struct file f;
    char *got = NULL;
    struct error err;
    file_write(&f, data, len, mode);
    int rc = password_file_read(f.path, &got, &err);
    unlink(f.path);
    assert_int_equal(rc, ERROR_STATE);
    assert_null(got);
    if (!strstr(err.text, why))
        fail_msg("\"%s\" does not say \"%s\"", err.text, why);
}

#define TEXT(s) (s), sizeof(s) - 1

static void file_that_others_can_read_or_write_is_refused(void **state)
{
    assert_no_password(TEXT("secret\n"), 0640, "chmod 600");
    assert_no_password(TEXT("secret\n"), 0604, "chmod 600");
    assert_no_password(TEXT("secret\n"), 0620, "chmod 600");
    assert_no_password(TEXT("secret\n"), 0602, "chmod 600");
    assert_no_password(TEXT("secret\n"), 0644, "0644");
}

static void file_without_a_password_is_refused(void **state)
{
    assert_no_password(TEXT(""), 0600, "empty");
    assert_no_password(TEXT("\n"), 0600, "empty");
    assert_no_password(TEXT("\r\n"), 0600, "empty");
    assert_no_password(TEXT("\nsecret\n"), 0600, "empty");
    assert_no_password(TEXT("se\0cret\n"), 0600, "NUL");
}

static void line_that_is_too_long_is_refused_and_not_cut(void **state)
{
    char text[PASSWORD_MAX + 16];
    memset(text, 'x', sizeof(text));
    assert_no_password(text, PASSWORD_MAX + 1, 0600, "longer");
    assert_no_password(text, sizeof(text), 0600, "longer");
    text[PASSWORD_MAX] = '\n';
    CLEANUP_FREE char *whole = mem_strndup(text, PASSWORD_MAX);
    assert_password(text, PASSWORD_MAX + 1, whole);
}

static void what_is_no_file_is_refused(void **state)
{
    char *got = NULL;
    struct error err;
    assert_int_equal(password_file_read("/nonesuch/file", &got, &err), ERROR_STATE);
    assert_non_null(strstr(err.text, "/nonesuch/file"));
    assert_int_equal(password_file_read("/dev/zero", &got, &err), ERROR_STATE);
    assert_non_null(strstr(err.text, "neither a file nor a pipe"));
    assert_int_equal(password_file_read("/", &got, &err), ERROR_STATE);
    assert_null(got);
}

static void error_does_not_repeat_the_file(void **state)
{
    struct file f;
    char *got = NULL;
    struct error err;
    file_write(&f, TEXT("hidden\0canary\n"), 0600);
    assert_int_equal(password_file_read(f.path, &got, &err), ERROR_STATE);
    unlink(f.path);
    assert_null(strstr(err.text, "hidden"));
    assert_null(strstr(err.text, "canary"));
}

static void first_line_is_the_password(void **state)
{
    assert_password(TEXT("secret\n"), "secret");
    assert_password(TEXT("secret"), "secret");
    assert_password(TEXT("secret\r\n"), "secret");
    assert_password(TEXT("secret\nmore\n"), "secret");
    assert_password(TEXT(" se cret \n"), " se cret ");
    assert_password(TEXT("s\xc3\xa9same\r"), "s\xc3\xa9same\r");
}

static void pipe_is_read_too(void **state)
{
    int ends[2];
    char path[32], *got = NULL;
    struct error err;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "secret\n", 7), 7);
    snprintf(path, sizeof(path), "/dev/fd/%d", ends[0]);
    if (password_file_read(path, &got, &err) < 0)
        fail_msg("%s", err.text);
    assert_string_equal(got, "secret");
    secret_free(got, strlen(got));
    close(ends[0]);
    close(ends[1]);
}

/* --- what was said ---------------------------------------------------------------------------- */

static void assert_refused(struct qmp_settings *take_settings, const char *why)
{
    struct login l;
    struct qmp_error *err = NULL;
    assert_int_equal(login_init(&l, take_settings, &err), -1);
    assert_int_equal(qmp_error_kind(err), QMP_ERROR_KIND_ARGUMENT);
    if (!strstr(qmp_error_text(err), why))
        fail_msg("\"%s\" does not say \"%s\"", qmp_error_text(err), why);
    qmp_error_free(err);
    qmp_settings_free(take_settings);
}

static struct qmp_settings *with_mechanism(const char *name)
{
    struct qmp_settings *s = qmp_settings_new();
    qmp_settings_set_mechanism(s, name);
    return s;
}

static void mechanism_that_there_is_not_is_refused(void **state)
{
    assert_refused(with_mechanism("ANONYMOUS"), "\"ANONYMOUS\"");
    assert_refused(with_mechanism("SCRAM"), "SCRAM-SHA-256-PLUS");
}

static void empty_names_are_refused(void **state)
{
    struct qmp_settings *s = qmp_settings_new();
    qmp_settings_set_user(s, "");
    qmp_settings_set_name(s, QMP_SETTING_USER, "the field User");
    assert_refused(s, "the field User");
    s = qmp_settings_new();
    qmp_settings_set_act_as(s, "");
    assert_refused(s, "identity");
}

static void names_of_mechanisms_are_known_without_case(void **state)
{
    static const char *const names[][2] = { { "scram-sha-256-plus", "SCRAM-SHA-256-PLUS" },
                                            { "PLAIN", "PLAIN" } };
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        struct login l;
        struct qmp_settings *s = with_mechanism(names[i][0]);
        assert_int_equal(login_init(&l, s, NULL), 0);
        assert_string_equal(l.mechanism, names[i][1]);
        assert_true(l.demanded);
        login_clear(&l);
        qmp_settings_free(s);
    }
}

static void what_the_environment_says_is_not_demanded(void **state)
{
    struct login l;
    struct qmp_settings *s = qmp_settings_new();
    setenv("QMPGATE_USER", "alice", 1);
    setenv("QMPGATE_MECHANISM", "plain", 1);
    assert_int_equal(login_init(&l, s, NULL), 0);
    unsetenv("QMPGATE_USER");
    unsetenv("QMPGATE_MECHANISM");
    assert_string_equal(l.mechanism, "PLAIN");
    assert_false(l.demanded);
    login_clear(&l);
    qmp_settings_free(s);
}

/* --- keeping it ------------------------------------------------------------------------------- */

static struct login login_with(struct qmp_settings *s, const char *password)
{
    struct login l;
    assert_int_equal(login_init(&l, s, NULL), 0);
    if (password)
        l.password = mem_strdup(password);
    return l;
}

static void password_that_failed_is_not_kept(void **state)
{
    struct qmp_settings *s = qmp_settings_new();
    qmp_settings_keep_password(s);
    struct login l = login_with(s, "wrong");
    l.failed = true;
    login_clear(&l);
    l = login_with(s, "good");
    l.succeeded = true;
    login_clear(&l);
    l = login_with(s, NULL);
    assert_string_equal(l.password, "good");
    l.failed = true; /* it was changed */
    login_clear(&l);
    l = login_with(s, NULL);
    assert_null(l.password);
    login_clear(&l);
    qmp_settings_free(s);
}

static void password_is_not_kept_unless_asked_for(void **state)
{
    struct qmp_settings *s = qmp_settings_new();
    struct login l = login_with(s, "good");
    l.succeeded = true;
    login_clear(&l);
    l = login_with(s, NULL);
    assert_null(l.password);
    login_clear(&l);
    qmp_settings_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(file_that_others_can_read_or_write_is_refused),
        cmocka_unit_test(file_without_a_password_is_refused),
        cmocka_unit_test(line_that_is_too_long_is_refused_and_not_cut),
        cmocka_unit_test(what_is_no_file_is_refused),
        cmocka_unit_test(error_does_not_repeat_the_file),
        cmocka_unit_test(first_line_is_the_password),
        cmocka_unit_test(pipe_is_read_too),
        cmocka_unit_test(mechanism_that_there_is_not_is_refused),
        cmocka_unit_test(empty_names_are_refused),
        cmocka_unit_test(names_of_mechanisms_are_known_without_case),
        cmocka_unit_test(what_the_environment_says_is_not_demanded),
        cmocka_unit_test(password_that_failed_is_not_kept),
        cmocka_unit_test(password_is_not_kept_unless_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
