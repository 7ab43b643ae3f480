using NUnit.Framework;
using System.Buffers.Binary;
using ZImage.Tensors;
using ZImage.Weights;

namespace ZImage.Tests.Weights;

internal sealed class SafetensorsFileTests
{
    private CheckpointFolder folder = null!;

    [SetUp]
    public void MakeFolder() => folder = new CheckpointFolder();

    [TearDown]
    public void DeleteFolder() => folder.Dispose();

    [Test]
    public void Hand_built_file_gives_types_shapes_values_and_metadata()
    {
        // 1.5 = 0x3FC0_0000, -2 = 0xC000_0000; bf16 1 = 0x3F80; int64 7.
        string path = folder.WriteRaw(
            "a.safetensors",
            """{"__metadata__":{"format":"pt","k":"v"},"w":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},"b":{"dtype":"BF16","shape":[],"data_offsets":[8,10]},"i":{"dtype":"I64","shape":[1],"data_offsets":[10,18]}}   """,
            0, 0, 0xC0, 0x3F, 0, 0, 0, 0xC0, 0x80, 0x3F, 7, 0, 0, 0, 0, 0, 0, 0);
        using SafetensorsFile file = SafetensorsFile.Open(path);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(file.Entries.Select(entry => entry.Name), Is.EqualTo(new[] { "w", "b", "i" }));
            Assert.That(file.Metadata, Is.EquivalentTo(new Dictionary<string, string> { ["format"] = "pt", ["k"] = "v" }));
            Assert.That(file["w"].Shape, Is.EqualTo(new Shape(2, 1)));
            Assert.That(file["w"].AsSpan<float>().ToArray(), Is.EqualTo(new[] { 1.5f, -2f }));
            Assert.That(file["b"].Shape.Rank, Is.Zero);
            Assert.That((float)file["b"].AsSpan<BFloat16>()[0], Is.EqualTo(1f));
            Assert.That(file["i"].AsSpan<long>()[0], Is.EqualTo(7));
            Assert.That(file.FileBytes, Is.EqualTo(new FileInfo(path).Length));
        }
    }

    [Test]
    public void Data_that_starts_at_an_odd_byte_is_read_exactly([Range(0, 7)] int blanks)
    {
        string header = """{"w":{"dtype":"F32","shape":[3],"data_offsets":[1,13]},"o":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}""" + new string(' ', blanks);
        byte[] data = new byte[13];
        for (int i = 0; i < 3; i++)
        {
            BinaryPrimitives.WriteSingleLittleEndian(data.AsSpan(1 + (4 * i)), i + 0.25f);
        }

        using SafetensorsFile file = SafetensorsFile.Open(folder.WriteRaw("odd.safetensors", header, data));
        Assert.That(file["w"].AsSpan<float>().ToArray(), Is.EqualTo(new[] { 0.25f, 1.25f, 2.25f }));
    }

    [Test]
    public void Empty_tensors_and_files_without_tensors_are_allowed()
    {
        using SafetensorsFile file = SafetensorsFile.Open(folder.WriteRaw("e.safetensors", """{"e":{"dtype":"F32","shape":[0,4],"data_offsets":[0,0]}}"""));
        using SafetensorsFile none = SafetensorsFile.Open(folder.WriteRaw("n.safetensors", "{}"));
        Assert.That(file["e"].Shape, Is.EqualTo(new Shape(0, 4)));
        Assert.That(none.Entries, Is.Empty);
    }

    [Test]
    public void Known_but_unsupported_type_is_listed_and_refused_when_asked_for()
    {
        using SafetensorsFile file = SafetensorsFile.Open(folder.WriteRaw("f8.safetensors", """{"x":{"dtype":"F8_E4M3","shape":[2],"data_offsets":[0,2]},"y":{"dtype":"F4","shape":[3,2],"data_offsets":[2,5]}}""", 1, 2, 3, 4, 5));
        Assert.That(file.Entry("x").Type, Is.Null);
        Assert.That(file.Entry("y").Bytes, Is.EqualTo(3));
        Assert.That(() => file["x"], Throws.TypeOf<ModelFormatException>().With.Message.Contains("'x'").And.Message.Contains("F8_E4M3").And.Property("Hint").Contains("BF16"));
    }

    [Test]
    public void Absent_tensor_is_named()
    {
        using SafetensorsFile file = SafetensorsFile.Open(folder.WriteRaw("n.safetensors", "{}"));
        Assert.That(() => file["layers.0.x"], Throws.TypeOf<ModelFormatException>().With.Message.Contains("layers.0.x"));
    }

    [TestCase("""{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,7]}}""", "'x' has 7 bytes, but F32 [2] needs 8")]
    [TestCase("""{"x":{"dtype":"F4","shape":[3],"data_offsets":[0,1]}}""", "'x' has 1 bytes, but F4 [3] needs 1.5")]
    [TestCase("""{"x":{"dtype":"F33","shape":[2],"data_offsets":[0,8]}}""", "unknown type 'F33'")]
    [TestCase("""{"x":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}""", "impossible data_offsets [8, 0]")]
    [TestCase("""{"x":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}}""", "impossible data_offsets [-8, 0]")]
    [TestCase("""{"x":{"dtype":"U8","shape":[0],"data_offsets":[9223372036854775807,9223372036854775807]}}""", "impossible data_offsets")]
    [TestCase("""{"x":{"dtype":"F32","shape":[2],"data_offsets":[16,24]}}""", "'x' lies outside the file: 8 bytes at 16 of 16")]
    [TestCase("""{"x":{"dtype":"U8","shape":[0],"data_offsets":[17,17]}}""", "'x' lies outside the file")]
    [TestCase("""{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"y":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}""", "'x' and 'y' overlap")]
    [TestCase("""{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"x":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}""", "'x' stands in the header twice")]
    [TestCase("""{"x":{"dtype":"F32","shape":[1,1,1,1,1,2],"data_offsets":[0,8]}}""", "'x' has 6 dimensions; at most 5")]
    [TestCase("""{"x":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}""", "impossible extent -2 in dimension 0")]
    [TestCase("""{"x":{"dtype":"F32","shape":[4294967298],"data_offsets":[0,8]}}""", "impossible extent 4294967298")]
    [TestCase("""{"x":{"dtype":"U8","shape":[2147483647,2147483647,2147483647,0],"data_offsets":[0,0]}}""", "impossible extent 2147483647 in dimension 1")]
    [TestCase("""{"x":{"dtype":"F32","shape":[2.5],"data_offsets":[0,8]}}""", "shape of tensor 'x' holds something that is not a 64-bit integer")]
    [TestCase("""{"x":{"dtype":"F32","shape":[1e400],"data_offsets":[0,8]}}""", "not a 64-bit integer")]
    [TestCase("""{"x":{"dtype":"F32","shape":2,"data_offsets":[0,8]}}""", "shape of tensor 'x' is not an array")]
    [TestCase("""{"x":{"dtype":"F32","shape":[2],"data_offsets":[0]}}""", "holds 1 numbers instead of 2")]
    [TestCase("""{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8,9]}}""", "holds 3 numbers instead of 2")]
    [TestCase("""{"x":{"dtype":"F32","shape":[2]}}""", "'x' has no data_offsets")]
    [TestCase("""{"x":{"shape":[2],"data_offsets":[0,8]}}""", "'x' has no dtype")]
    [TestCase("""{"x":{"dtype":"F32","data_offsets":[0,8]}}""", "'x' has no shape")]
    [TestCase("""{"x":{"dtype":3,"shape":[2],"data_offsets":[0,8]}}""", "dtype of tensor 'x' is not a string")]
    [TestCase("""{"x":[1]}""", "'x' is not described by a JSON object")]
    [TestCase("""{"__metadata__":{"k":1}}""", "__metadata__ entry 'k' is not a string")]
    [TestCase("""{"__metadata__":"k"}""", "__metadata__ is not a JSON object")]
    [TestCase("""[1]""", "the header is not a JSON object")]
    [TestCase("""{"x":""", "not valid JSON")]
    [TestCase("""{} x""", "not valid JSON")]
    [TestCase("""{"\ud800":{}}""", "not valid JSON")]
    [TestCase("", "not valid JSON")]
    public void Broken_header_is_refused_with_the_reason(string header, string reason)
    {
        string path = folder.WriteRaw("broken.safetensors", header, new byte[16]);
        Assert.That(
            () => SafetensorsFile.Open(path),
            Throws.TypeOf<ModelFormatException>().With.Message.Contains(reason).And.Message.StartsWith(path).And.Property("Hint").Not.Empty);
    }

    [Test]
    public void Truncated_file_tells_how_many_bytes_are_missing()
    {
        string path = folder.WriteRaw(
            "cut.safetensors", """{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"y":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}""", new byte[11]);
        Assert.That(
            () => SafetensorsFile.Open(path),
            Throws.TypeOf<ModelFormatException>().With.Message.Contains("5 bytes are missing: tensor 'y'").And.Property("Hint").Contains("incomplete"));
    }

    [Test]
    public void File_cut_anywhere_is_refused()
    {
        byte[] whole = CheckpointFolder.Raw("""{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", new byte[8]);
        for (int length = 0; length < whole.Length; length++)
        {
            string path = folder.Write("cut.safetensors", whole[..length]);
            Assert.That(() => SafetensorsFile.Open(path), Throws.TypeOf<ModelFormatException>(), $"{length} bytes");
        }
    }

    [TestCase("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "git lfs pull")]
    [TestCase("<!DOCTYPE html><html></html>", "web page")]
    [TestCase("GGUF\u0003\0\0\0\u0001\0\0\0\0\0\0\0", "GGUF")]
    [TestCase("PK\u0003\u0004\0\0\0\u0001rest of it", "PyTorch")]
    [TestCase("something else that is long", ".safetensors")]
    public void Other_kinds_of_files_are_recognised(string content, string hint)
    {
        string path = folder.Write("model.safetensors", content);
        Assert.That(() => SafetensorsFile.Open(path), Throws.TypeOf<ModelFormatException>().With.Message.Contains("not a safetensors file").And.Property("Hint").Contains(hint));
    }

    [Test]
    public void Header_longer_than_the_file_is_refused()
    {
        byte[] bytes = new byte[20];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, 500);
        string path = folder.Write("h.safetensors", bytes);
        Assert.That(() => SafetensorsFile.Open(path), Throws.TypeOf<ModelFormatException>().With.Message.Contains("488 bytes are missing"));
    }

    [Test]
    public void Missing_file_and_folder_are_refused()
    {
        Assert.That(() => SafetensorsFile.Open(folder.At("no.safetensors")), Throws.TypeOf<ModelFormatException>().With.Message.Contains("no such file"));
        Assert.That(() => SafetensorsFile.Open(folder.Path), Throws.TypeOf<ModelFormatException>());
    }

    [Test]
    public void Disposed_file_can_be_deleted_and_disposed_again()
    {
        string path = folder.WriteRaw("d.safetensors", "{}");
        SafetensorsFile file = SafetensorsFile.Open(path);
        file.Dispose();
        file.Dispose();
        File.Delete(path);
        Assert.That(File.Exists(path), Is.False);
    }
}
