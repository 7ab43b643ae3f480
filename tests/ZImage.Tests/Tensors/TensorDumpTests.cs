using NUnit.Framework;
using ZImage.Tensors;
using ZImage.Weights;

namespace ZImage.Tests.Tensors;

[TestFixture]
internal sealed class TensorDumpTests
{
    private string folder = null!;

    [SetUp]
    public void SetUp() => folder = Directory.CreateTempSubdirectory("zimage-dump-").FullName;

    [TearDown]
    public void TearDown() => Directory.Delete(folder, recursive: true);

    [Test]
    public void Values_are_those_at_the_time_of_recording_row_gaps_left_out_and_repeated_names_numbered()
    {
        string path = TensorDump.FileName(folder, "transformer.step-01");
        using HostStorage storage = new(6 * sizeof(float));
        Tensor matrix = new(storage, DType.F32, new Shape(2, 3));
        ((ReadOnlySpan<float>)[1, 2, 3, 4, 5, 6]).CopyTo(matrix.AsSpan<float>());
        using (TensorDump dump = new(path))
        {
            dump.Record("layers.0", matrix.Columns(1, 2));
            matrix.AsSpan<float>().Fill(9);
            dump.Record("layers.0", matrix);
        }

        using SafetensorsFile file = SafetensorsFile.Open(path);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(HostFloats.Copy(file["layers.0"]), Is.EqualTo(new float[] { 2, 3, 5, 6 }));
            Assert.That(file["layers.0"].Shape, Is.EqualTo(new Shape(2, 2)));
            Assert.That(HostFloats.Copy(file["layers.0#2"]), Is.EqualTo(new float[] { 9, 9, 9, 9, 9, 9 }));
            Assert.That(Directory.GetFiles(folder), Has.Length.EqualTo(1), "the spool is gone");
        }
    }

    [Test]
    public void A_device_tensor_comes_through_the_given_download()
    {
        string path = TensorDump.FileName(folder, "vae_decoder");
        using HostStorage storage = new(4);
        using (TensorDump dump = new(path, static _ => [7, 8]))
        {
            dump.Record("x", new Tensor(storage, DType.BF16, new Shape(2)));
        }

        using SafetensorsFile file = SafetensorsFile.Open(path);
        Assert.That(HostFloats.Copy(file["x"]), Is.EqualTo(new float[] { 7, 8 }));
    }

    [Test]
    public void Half_precision_is_widened_exactly()
    {
        using HostStorage storage = new(4);
        Tensor bits = new(storage, DType.I16, new Shape(2));
        bits.AsSpan<short>()[0] = 0x3E00; // F16 1.5, BF16 0.125
        bits.AsSpan<short>()[1] = unchecked((short)0xC000); // F16 -2, BF16 -2

        using (Assert.EnterMultipleScope())
        {
            Assert.That(HostFloats.Copy(new Tensor(storage, DType.F16, new Shape(2))), Is.EqualTo(new[] { 1.5f, -2f }));
            Assert.That(HostFloats.Copy(new Tensor(storage, DType.BF16, new Shape(2))), Is.EqualTo(new[] { 0.125f, -2f }));
            Assert.That(() => HostFloats.Copy(bits), Throws.ArgumentException);
        }
    }

    [Test]
    public void Nothing_recorded_writes_nothing_and_an_existing_file_is_kept()
    {
        string path = TensorDump.FileName(folder, "a/b:c");
        new TensorDump(path).Dispose();
        bool written = File.Exists(path);
        File.WriteAllText(path, "mine");
        using HostStorage storage = new(4);
        TensorDump dump = new(path);
        dump.Record("x", new Tensor(storage, DType.F32, new Shape(1)));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(Path.GetFileName(path), Is.EqualTo("a-b-c.safetensors"));
            Assert.That(written, Is.False);
            Assert.That(dump.Dispose, Throws.InstanceOf<ZImageException>());
            Assert.That(File.ReadAllText(path), Is.EqualTo("mine"));
            Assert.That(() => dump.Record("y", default), Throws.InstanceOf<ObjectDisposedException>());
        }
    }
}
