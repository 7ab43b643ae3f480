using NUnit.Framework;
using ZImage.Tensors;
using ZImage.Weights;

namespace ZImage.Tests.Weights;

internal sealed class WeightReaderTests
{
    private HostStorage storage = null!;

    [SetUp]
    public void Allocate() => storage = new HostStorage(4096);

    [TearDown]
    public void Free() => storage.Dispose();

    [Test]
    public void Complete_weights_are_handed_out_without_warnings()
    {
        WeightReader reader = Reader(("a", DType.F32, [2, 3]), ("b", DType.BF16, [4]), ("siglip_x", DType.F32, [1]));
        Tensor a = reader.Require("a", 2, 3);
        Tensor b = reader.Optional("b", 4);
        Tensor none = reader.Optional("c", 4);
        reader.Ignore("siglip_");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(a.Shape, Is.EqualTo(new Shape(2, 3)));
            Assert.That(b.DType, Is.EqualTo(DType.BF16));
            Assert.That(none.IsEmpty, Is.True);
            Assert.That(reader.Has("a"), Is.True);
            Assert.That(reader.Has("c"), Is.False);
            Assert.That(reader.Finish(allowUnknown: false), Is.Empty);
        }
    }

    [Test]
    public void Every_fault_is_in_one_error()
    {
        WeightReader reader = Reader(("shape", DType.F32, [2, 3]), ("type", DType.I64, [2]), ("stray", DType.F32, [1]));
        bool empty = reader.Require("gone", 7, 8).IsEmpty && reader.Require("shape", 3, 2).IsEmpty && reader.Optional("type", 2).IsEmpty;
        Assert.That(empty, Is.True);
        Assert.That(
            () => reader.Finish(allowUnknown: true),
            Throws.TypeOf<ModelFormatException>().With.Message.Contains("part: the weights do not fit")
                .And.Message.Contains("1 missing:\n    gone [7, 8]")
                .And.Message.Contains("1 of another shape:\n    shape: expected [3, 2], found [2, 3]")
                .And.Message.Contains("1 of an unsupported type:\n    type: I64")
                .And.Message.Contains("1 unknown:\n    stray"));
    }

    [Test]
    public void Type_that_the_format_knows_and_the_engine_does_not_is_reported_by_name()
    {
        using CheckpointFolder folder = new();
        using WeightFiles files = WeightFiles.OpenFile(folder.WriteRaw("f.safetensors", """{"x":{"dtype":"F8_E4M3","shape":[2],"data_offsets":[0,2]}}""", 1, 2));
        WeightReader reader = new("transformer", files.Tensors);
        Assert.That(reader.Require("x", 2).IsEmpty, Is.True);
        Assert.That(() => reader.Finish(true), Throws.TypeOf<ModelFormatException>().With.Message.Contains("x: F8_E4M3 (f.safetensors)").And.Property("Hint").Contains("BF16"));
    }

    [Test]
    public void Unknown_tensors_are_an_error_or_a_warning()
    {
        WeightReader reader = Reader(("z", DType.F32, [1]), ("y", DType.F32, [1]));
        Assert.That(() => reader.Finish(allowUnknown: false), Throws.TypeOf<ModelFormatException>().With.Message.Contains("2 unknown:\n    y (memory)\n    z (memory)"));
        Assert.That(reader.Finish(allowUnknown: true), Is.EqualTo(new[] { "y", "z" }));
    }

    [Test]
    public void Long_lists_are_cut_at_twenty_and_counted()
    {
        WeightReader reader = Reader();
        for (int i = 0; i < 25; i++)
        {
            reader.Require($"layers.{i}.w", 1);
        }

        ModelFormatException error = Assert.Throws<ModelFormatException>(() => reader.Finish(true));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(error.Message, Does.Contain("25 missing:").And.Contain("layers.19.w").And.Contain("and 5 more"));
            Assert.That(error.Message, Does.Not.Contain("layers.20.w"));
        }
    }

    private WeightReader Reader(params (string Name, DType Type, int[] Shape)[] tensors) =>
        WeightReader.FromTensors("part", tensors.ToDictionary(tensor => tensor.Name, tensor => new Tensor(storage, tensor.Type, new Shape(tensor.Shape))));
}
