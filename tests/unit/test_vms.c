/* Which VMs there are, by which names they are found, and by which they are not. */
#include "config.h"
#include "tests/unit/unit.h"

#include "base/mem.h"
#include "base/util.h"
#include "proxy/vms.h"

#define UUID_A "11111111-2222-3333-4444-55555555555a"
#define UUID_B "11111111-2222-3333-4444-55555555555b"
#define SUFFIX ".vm.example.com"

static struct vms *vms;
static char path[] = "/d", pattern[] = "*.qmp"; /* of a directory */

static int tear_down(void **state)
{
    (void)state;
    vms_free(vms);
    vms = NULL;
    return 0;
}

struct given {
    const char *name, *socket, *uuid, *label;
};

static void configure(const struct given *given, size_t n)
{
    struct conf_vm *list = MEM_NEW_N(struct conf_vm, n);
    struct conf conf = { .vms = list, .n_vms = n };
    char *labels[4];
    assert_true(n <= ARRAY_SIZE(labels));
    for (size_t i = 0; i < n; i++) {
        labels[i] = mem_strdup(given[i].label);
        list[i].name = mem_strdup(given[i].name);
        list[i].socket = mem_strdup(given[i].socket);
        list[i].uuid = mem_strdup(given[i].uuid);
        list[i].labels.items = &labels[i];
        list[i].labels.n = labels[i] != NULL;
    }
    if (!vms)
        vms = vms_new();
    vms_set_configured(vms, &conf);
    for (size_t i = 0; i < n; i++) {
        free(labels[i]);
        free(list[i].name);
        free(list[i].socket);
        free(list[i].uuid);
    }
    free(list);
}

/* The sockets of a directory become these; which VMs left, as words. */
static const char *set_directory(const struct conf_vm_directory *dir, const struct vm_file *files,
                                 size_t n)
{
    static char words[200];
    struct vm_names left = { 0 };
    vms_set_directory(vms, dir, NULL, files, n, &left);
    words[0] = '\0';
    for (size_t i = 0; i < left.n; i++) {
        unit_add_word(words, sizeof(words), " ", left.items[i]);
    }
    vm_names_free(&left);
    return words;
}

#define FILE_OF(text, number)                                \
    {                                                        \
        .name = (char[]){ text }, .at = {.inode = (number) } \
    }

/* The name of what was found, or "". */
static const char *name_of(struct vm *take_vm)
{
    static char name[80];
    snprintf(name, sizeof(name), "%s", take_vm ? take_vm->name : "");
    vm_unref(take_vm);
    return name;
}

static void test_names_that_a_vm_can_have(void **state)
{
    static const char *const good[] = { "a", "web1", "a.b", "a_b", "-a", "A-9", "a..b" };
    static const char *const bad[] = { "", ".", "..", ".a", "a/b", "a b", "a\n", "\xc3\xa4", "a*" };
    char longest[65], too_long[66];
    (void)state;
    memset(longest, 'x', 64);
    memset(too_long, 'x', 65);
    assert_true(vm_name_valid(longest, 64));
    assert_false(vm_name_valid(too_long, 65));
    assert_false(vm_name_valid("a\0b", 3));
    for (size_t i = 0; i < ARRAY_SIZE(good); i++)
        assert_true(vm_name_valid(good[i], strlen(good[i])));
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_false(vm_name_valid(bad[i], strlen(bad[i])));
}

static void test_names_that_are_dns_labels(void **state)
{
    char longest[64] = { 0 }, too_long[65] = { 0 };
    (void)state;
    memset(longest, 'x', 63);
    memset(too_long, 'x', 64);
    assert_true(vm_name_is_dns_label(longest));
    assert_true(vm_name_is_dns_label("a-1"));
    static const char *const bad[] = { "", "-a", "a-", "a_b", "a.b", "\xc3\xa4" };
    assert_false(vm_name_is_dns_label(too_long));
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_false(vm_name_is_dns_label(bad[i]));
}

static void test_a_name_is_found_as_it_is_written_and_a_uuid_in_any_case(void **state)
{
    (void)state;
    configure((const struct given[]){ { .name = "Web1", .socket = "/x", .uuid = UUID_A } }, 1);
    assert_string_equal(name_of(vms_find(vms, "Web1")), "Web1");
    assert_string_equal(name_of(vms_find(vms, "web1")), "");
    assert_string_equal(name_of(vms_find(vms, "11111111-2222-3333-4444-55555555555A")), "Web1");
    assert_string_equal(name_of(vms_find_name(vms, UUID_A)), "");
    assert_string_equal(name_of(vms_find(vms, "")), "");
}

static void test_a_server_name_ignores_case_and_wants_the_suffix(void **state)
{
    (void)state;
    configure((const struct given[]){ { .name = "web1", .socket = "/x", .uuid = UUID_A } }, 1);
    assert_string_equal(name_of(vms_find_by_sni(vms, "WEB1" SUFFIX, SUFFIX)), "web1");
    assert_string_equal(name_of(vms_find_by_sni(vms, "web1.VM.example.com", SUFFIX)), "web1");
    assert_string_equal(name_of(vms_find_by_sni(vms, UUID_A SUFFIX, SUFFIX)), "web1");
    static const char *const not_found[] = {
        "web1",       SUFFIX, "web1.other.example.com", "web1" SUFFIX ".", "x.web1" SUFFIX,
        "web" SUFFIX, ""
    };
    for (size_t i = 0; i < ARRAY_SIZE(not_found); i++)
        assert_string_equal(name_of(vms_find_by_sni(vms, not_found[i], SUFFIX)), "");
}

static void test_a_server_name_that_two_vms_answer_to_finds_none(void **state)
{
    (void)state;
    configure((const struct given[]){ { .name = "web1", .socket = "/x" },
                                      { .name = "WEB1", .socket = "/y" } },
              2);
    assert_string_equal(name_of(vms_find_by_sni(vms, "web1" SUFFIX, SUFFIX)), "");
    assert_string_equal(name_of(vms_find(vms, "WEB1")), "WEB1");
}

static void test_a_uuid_that_two_vms_have_finds_none(void **state)
{
    (void)state;
    configure((const struct given[]){ { .name = "a", .socket = "/x", .uuid = UUID_A },
                                      { .name = "b", .socket = "/y", .uuid = UUID_A } },
              2);
    assert_string_equal(name_of(vms_find(vms, UUID_A)), "");
}

static void test_a_name_that_is_no_label_is_not_for_server_names(void **state)
{
    (void)state;
    configure((const struct given[]){ { .name = "web_1", .socket = "/x" } }, 1);
    assert_string_equal(name_of(vms_find_by_sni(vms, "web_1" SUFFIX, SUFFIX)), "");
    assert_string_equal(name_of(vms_find(vms, "web_1")), "web_1");
}

static void test_what_is_configured_goes_before_a_directory(void **state)
{
    struct conf_vm_directory dir = { .path = path, .pattern = pattern };
    const struct vm_file files[] = { FILE_OF("web1.qmp", 1), FILE_OF("web2.qmp", 2),
                                     FILE_OF("we b.qmp", 3), FILE_OF(".qmp", 4),
                                     FILE_OF("..qmp", 5) };
    (void)state;
    configure((const struct given[]){ { .name = "web1", .socket = "/x" } }, 1);
    assert_string_equal(set_directory(&dir, files, ARRAY_SIZE(files)), "");
    size_t n;
    struct vm **list = vms_list(vms, &n);
    assert_int_equal(n, 2);
    assert_string_equal(list[0]->socket, "/x");
    assert_string_equal(list[1]->socket, "/d/web2.qmp");
    assert_true(list[1]->from_directory);
    for (size_t i = 0; i < n; i++)
        vm_unref(list[i]);
    free(list);
}

static void test_a_directory_that_is_not_configured_any_more_is_forgotten(void **state)
{
    struct conf_vm_directory dir = { .path = path, .pattern = pattern };
    struct conf with = { .directories = &dir, .n_directories = 1 }, without = { 0 };
    (void)state;
    vms = vms_new();
    set_directory(&dir, (const struct vm_file[]){ FILE_OF("a.qmp", 1) }, 1);
    vms_keep_directories(vms, &with);
    assert_string_equal(name_of(vms_find(vms, "a")), "a");
    vms_keep_directories(vms, &without);
    assert_string_equal(name_of(vms_find(vms, "a")), "");
}

static void test_those_who_left_a_directory_are_told_of_and_no_others(void **state)
{
    struct conf_vm_directory dir = { .path = path, .pattern = pattern };
    const struct vm_file both[] = { FILE_OF("a.qmp", 1), FILE_OF("b.qmp", 2) };
    const struct vm_file replaced[] = { FILE_OF("a.qmp", 3), FILE_OF("b.qmp", 2) };
    const struct vm_file later = { .name = (char[]){ "b.qmp" },
                                   .at = { .inode = 2, .born_ns = 1 } };
    const struct vm_file changed = { .name = (char[]){ "b.qmp" },
                                     .at = { .inode = 2, .born_ns = 1, .mode = 1, .owner = 1 } };
    (void)state;
    vms = vms_new();
    assert_string_equal(set_directory(&dir, both, 2), "");
    assert_string_equal(set_directory(&dir, both, 2), "");
    assert_string_equal(set_directory(&dir, replaced, 2), "a");
    assert_string_equal(set_directory(&dir, &later, 1), "a b");
    assert_string_equal(set_directory(&dir, &changed, 1), "");
    assert_string_equal(set_directory(&dir, NULL, 0), "b");
    assert_string_equal(set_directory(&dir, NULL, 0), "");
}

static void test_who_holds_a_vm_keeps_it_when_the_table_changes(void **state)
{
    (void)state;
    configure((const struct given[]){ { .name = "a", .socket = "/x" } }, 1);
    struct vm *old = vms_find(vms, "a");
    configure((const struct given[]){ { .name = "a", .socket = "/y" } }, 1);
    struct vm *now = vms_find(vms, "a");
    assert_string_equal(old->socket, "/x");
    assert_false(vm_same_target(old, now));
    vm_unref(old);
    vm_unref(now);
}

static void test_another_uuid_is_another_target_and_other_labels_are_not(void **state)
{
    (void)state;
    configure(
        (const struct given[]){ { .name = "a", .socket = "/x", .uuid = UUID_A },
                                { .name = "b", .socket = "/x", .uuid = UUID_B },
                                { .name = "c", .socket = "/x", .uuid = UUID_A, .label = "a=b" } },
        3);
    struct vm *a = vms_find(vms, "a"), *b = vms_find(vms, "b"), *c = vms_find(vms, "c");
    assert_false(vm_same_target(a, b));
    assert_true(vm_same_target(a, c));
    vm_unref(a);
    vm_unref(b);
    vm_unref(c);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_teardown(f, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_names_that_a_vm_can_have),
        TEST(test_names_that_are_dns_labels),
        TEST(test_a_name_is_found_as_it_is_written_and_a_uuid_in_any_case),
        TEST(test_a_server_name_ignores_case_and_wants_the_suffix),
        TEST(test_a_server_name_that_two_vms_answer_to_finds_none),
        TEST(test_a_uuid_that_two_vms_have_finds_none),
        TEST(test_a_name_that_is_no_label_is_not_for_server_names),
        TEST(test_what_is_configured_goes_before_a_directory),
        TEST(test_a_directory_that_is_not_configured_any_more_is_forgotten),
        TEST(test_those_who_left_a_directory_are_told_of_and_no_others),
        TEST(test_who_holds_a_vm_keeps_it_when_the_table_changes),
        TEST(test_another_uuid_is_another_target_and_other_labels_are_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
