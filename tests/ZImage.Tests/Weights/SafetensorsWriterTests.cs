using NUnit.Framework;
using System.Buffers.Binary;
using System.Text.Json;
using ZImage.Tensors;
using ZImage.Weights;

namespace ZImage.Tests.Weights;

internal sealed class SafetensorsWriterTests
{
    private CheckpointFolder folder = null!;

    [SetUp]
    public void MakeFolder() => folder = new CheckpointFolder();

    [TearDown]
    public void DeleteFolder() => folder.Dispose();

    [Test]
    public void Written_bytes_follow_the_format()
    {
        string path = folder.At("w.safetensors");
        SafetensorsWriter.Write(
            path,
            [new SafetensorsTensor("odd", DType.U8, new Shape(3), new byte[] { 1, 2, 3 }), new SafetensorsTensor("w", new HostTensor([1.5f, -2f], new Shape(1, 2)))],
            new Dictionary<string, string> { ["format"] = "pt" });
        byte[] bytes = File.ReadAllBytes(path);
        int header = (int)BinaryPrimitives.ReadInt64LittleEndian(bytes);
        using JsonDocument json = JsonDocument.Parse(bytes.AsMemory(8, header));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(header % 8, Is.Zero);
            Assert.That(bytes[8], Is.EqualTo((byte)'{'));
            Assert.That(json.RootElement.GetProperty("__metadata__").GetProperty("format").GetString(), Is.EqualTo("pt"));
            Assert.That(json.RootElement.GetProperty("w").GetRawText(), Is.EqualTo("""{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]}"""));
            Assert.That(json.RootElement.GetProperty("odd").GetRawText(), Is.EqualTo("""{"dtype":"U8","shape":[3],"data_offsets":[8,11]}"""));
            Assert.That(bytes[(8 + header)..], Is.EqualTo(new byte[] { 0, 0, 0xC0, 0x3F, 0, 0, 0, 0xC0, 1, 2, 3 }));
        }
    }

    [Test]
    public void Tensors_of_another_file_can_be_written_again()
    {
        string first = folder.WriteRaw("a.safetensors", """{"ä \"q\"":{"dtype":"BF16","shape":[2,2],"data_offsets":[0,8]}}""", 1, 2, 3, 4, 5, 6, 7, 8);
        string second = folder.At("b.safetensors");
        using SafetensorsFile source = SafetensorsFile.Open(first);
        SafetensorsWriter.Write(second, [new SafetensorsTensor("ä \"q\"", source["ä \"q\""])]);
        using SafetensorsFile copy = SafetensorsFile.Open(second);
        Assert.That(copy["ä \"q\""].AsSpan<ushort>().ToArray(), Is.EqualTo(new ushort[] { 0x0201, 0x0403, 0x0605, 0x0807 }));
    }

    [Test]
    public void Existing_file_is_kept_unless_overwriting_is_asked_for()
    {
        string path = folder.Write("x.safetensors", "old");
        Assert.That(() => SafetensorsWriter.Write(path, []), Throws.TypeOf<OutputException>().With.Message.Contains("exists"));
        Assert.That(File.ReadAllText(path), Is.EqualTo("old"));
        SafetensorsWriter.Write(path, [], overwrite: true);
        using SafetensorsFile file = SafetensorsFile.Open(path);
        Assert.That(file.Entries, Is.Empty);
        Assert.That(Directory.GetFiles(folder.Path), Has.Length.EqualTo(1));
    }

    [Test]
    public void Failure_while_writing_leaves_the_old_file_and_nothing_else()
    {
        string path = folder.Write("x.safetensors", "old");
        SafetensorsTensor failing = new("x", DType.U8, new Shape(100), stream =>
        {
            stream.Write(new byte[50]);
            throw new IOException("No space left on device");
        });
        Assert.That(() => SafetensorsWriter.Write(path, [failing], overwrite: true), Throws.TypeOf<OutputException>().With.Message.Contains("No space left"));
        Assert.That(Directory.GetFiles(folder.Path), Is.EqualTo(new[] { path }));
        Assert.That(File.ReadAllText(path), Is.EqualTo("old"));
    }

    [Test]
    [Platform("Linux")]
    public void File_that_no_disk_can_hold_is_refused_and_leaves_nothing()
    {
        // 4 EiB: more than any file system has free, so the request for space fails before the first byte.
        SafetensorsTensor huge = new("x", DType.U8, new Shape(1 << 30, 1 << 30, 4), _ => Assert.Fail("Writing began without the space for it."));
        Assert.That(() => SafetensorsWriter.Write(folder.At("x.safetensors"), [huge]), Throws.TypeOf<OutputException>());
        Assert.That(Directory.GetFiles(folder.Path), Is.Empty);
    }

    [Test]
    public void Folder_that_does_not_exist_is_refused() =>
        Assert.That(() => SafetensorsWriter.Write(Path.Combine(folder.Path, "no", "x.safetensors"), []), Throws.TypeOf<OutputException>().With.Message.Contains("x.safetensors"));

    [Test]
    public void Wrong_amount_of_bytes_is_a_programming_error_and_leaves_nothing()
    {
        Assert.That(() => new SafetensorsTensor("x", DType.F32, new Shape(2), new byte[7]), Throws.ArgumentException);
        Assert.That(
            () => SafetensorsWriter.Write(folder.At("x.safetensors"), [new SafetensorsTensor("x", DType.F32, new Shape(2), stream => stream.Write(new byte[7]))]),
            Throws.InvalidOperationException);
        Assert.That(Directory.GetFiles(folder.Path), Is.Empty);
    }

    [Test]
    public void Two_tensors_of_one_name_are_a_programming_error() =>
        Assert.That(
            () => SafetensorsWriter.Write(folder.At("x.safetensors"), [new SafetensorsTensor("x", DType.U8, new Shape(0), Array.Empty<byte>()), new SafetensorsTensor("x", DType.U8, new Shape(0), Array.Empty<byte>())]),
            Throws.ArgumentException);
}
