using NUnit.Framework;
using ZImage.Tests.Support;

namespace ZImage.Tests;

[TestFixture]
public class AtomicFileTests
{
    private TemporaryFolder _folder = null!;

    [SetUp]
    public void SetUp() => _folder = new TemporaryFolder();

    [TearDown]
    public void TearDown() => _folder.Dispose();

    [Test]
    public void A_file_is_written_under_its_name_and_nothing_else_remains()
    {
        AtomicFile.Write(_folder.File("猫.png"), overwrite: false, s => s.Write([1, 2, 3]));

        Assert.That(Directory.GetFiles(_folder.Path), Is.EqualTo(new[] { _folder.File("猫.png") }));
        Assert.That(File.ReadAllBytes(_folder.File("猫.png")), Is.EqualTo(new byte[] { 1, 2, 3 }));
    }

    [Test]
    public void While_writing_the_final_name_is_free()
    {
        string path = _folder.File("a");
        bool seen = true;

        AtomicFile.Write(path, overwrite: false, _ => seen = File.Exists(path));

        Assert.That(seen, Is.False);
    }

    [Test]
    public void An_existing_file_is_kept_or_replaced_as_asked()
    {
        string path = _folder.File("a");
        File.WriteAllText(path, "old");

        Assert.That(
            () => AtomicFile.Write(path, overwrite: false, s => s.Write("new"u8)),
            Throws.TypeOf<OutputException>().With.Message.Contains("exists").And.Property("Hint").Contains("--force"));
        Assert.That(File.ReadAllText(path), Is.EqualTo("old"));

        AtomicFile.Write(path, overwrite: true, s => s.Write("new"u8));
        Assert.That(File.ReadAllText(path), Is.EqualTo("new"));
    }

    [Test]
    public void A_file_that_appears_while_writing_is_not_replaced()
    {
        string path = _folder.File("a");

        Assert.That(() => AtomicFile.Write(path, overwrite: false, _ => File.WriteAllText(path, "other")), Throws.TypeOf<OutputException>());
        Assert.That(File.ReadAllText(path), Is.EqualTo("other"));
        Assert.That(Directory.GetFiles(_folder.Path), Has.Length.EqualTo(1));
    }

    [Test]
    public void A_cancelled_write_leaves_nothing_and_the_old_file()
    {
        string path = _folder.File("a");
        File.WriteAllText(path, "old");

        Assert.That(
            () => AtomicFile.Write(path, overwrite: true, s =>
            {
                s.Write("half"u8);
                throw new OperationCanceledException();
            }),
            Throws.TypeOf<OperationCanceledException>());
        Assert.That(File.ReadAllText(path), Is.EqualTo("old"));
        Assert.That(Directory.GetFiles(_folder.Path), Has.Length.EqualTo(1));
    }

    [Test]
    [Platform("Linux")]
    public void A_full_disk_is_an_output_error_and_leaves_nothing()
    {
        string path = _folder.File("a");

        // The kernel's always-full device gives the error that a full disk gives.
        Assert.That(
            () => AtomicFile.Write(path, overwrite: false, s =>
            {
                s.Write("half"u8);
                using var full = new FileStream("/dev/full", FileMode.Open, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
                full.Write("x"u8);
            }),
            Throws.TypeOf<OutputException>().With.Message.Contains("No space left").And.Property("Path").EqualTo(path));
        Assert.That(Directory.GetFileSystemEntries(_folder.Path), Is.Empty);
    }

    [Test]
    public void A_missing_folder_and_a_folder_as_name_are_named()
    {
        Assert.That(
            () => AtomicFile.Write(_folder.File("none/a"), overwrite: false, _ => { }),
            Throws.TypeOf<OutputException>().With.Message.Contains("folder does not exist"));
        Assert.That(
            () => AtomicFile.Write(_folder.Path, overwrite: true, _ => { }), Throws.TypeOf<OutputException>().With.Message.Contains("is a folder"));
    }

    [Test]
    [Platform("Linux")]
    public void An_unwritable_folder_is_an_output_error()
    {
        // /proc takes no files, not even from root, whom permissions do not stop.
        Assert.That(() => AtomicFile.Write("/proc/a.png", overwrite: false, _ => { }), Throws.TypeOf<OutputException>().With.Property("Hint").Not.Empty);
    }
}
