#include "config.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/mem.h"
#include "cli/login.h"
#include "cli/password.h"

struct file {
    char path[64];
};

static void file_write(struct file *f, const char *data, size_t len, mode_t mode)
{
    strcpy(f->path, "/tmp/qmpgate-password-XXXXXX");
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
    if (password_read_file(f.path, &got, &err) < 0)
        fail_msg("%s", err.text);
    unlink(f.path);
    assert_string_equal(got, password);
    password_free(got);
}

static void assert_no_password(const char *data, size_t len, mode_t mode, const char *why)
{
    struct file f;
    char *got = NULL;
    struct error err;
    file_write(&f, data, len, mode);
    int rc = password_read_file(f.path, &got, &err);
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
    assert_int_equal(password_read_file("/nonesuch/file", &got, &err), ERROR_STATE);
    assert_non_null(strstr(err.text, "/nonesuch/file"));
    assert_int_equal(password_read_file("/dev/zero", &got, &err), ERROR_STATE);
    assert_non_null(strstr(err.text, "neither a file nor a pipe"));
    assert_int_equal(password_read_file("/", &got, &err), ERROR_STATE);
    assert_null(got);
}

static void error_does_not_repeat_the_file(void **state)
{
    struct file f;
    char *got = NULL;
    struct error err;
    file_write(&f, TEXT("hidden\0canary\n"), 0600);
    assert_int_equal(password_read_file(f.path, &got, &err), ERROR_STATE);
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
    if (password_read_file(path, &got, &err) < 0)
        fail_msg("%s", err.text);
    assert_string_equal(got, "secret");
    password_free(got);
    close(ends[0]);
    close(ends[1]);
}

static void names_of_mechanisms_are_known_without_case(void **state)
{
    assert_null(login_mechanism("ANONYMOUS"));
    assert_null(login_mechanism(""));
    assert_null(login_mechanism("SCRAM"));
    assert_string_equal(login_mechanism("scram-sha-256-plus"), "SCRAM-SHA-256-PLUS");
    assert_string_equal(login_mechanism("PLAIN"), "PLAIN");
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
        cmocka_unit_test(names_of_mechanisms_are_known_without_case),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
