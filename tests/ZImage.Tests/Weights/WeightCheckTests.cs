using NUnit.Framework;
using ZImage.Tensors;
using ZImage.Weights;

namespace ZImage.Tests.Weights;

internal sealed class WeightCheckTests
{
    private const int Count = 2_097_163; // two blocks of the search and a tail that fills no vector

    [Test]
    public void Finds_a_single_bad_element_wherever_it_is([Values(DType.F32, DType.F16, DType.BF16)] DType type, [Values(0, 1_048_576, Count - 1)] int at)
    {
        using HostStorage storage = new((long)Count * type.SizeBytes());
        Tensor tensor = new(storage, type, new Shape(Count));
        foreach (float bad in (float[])[float.NaN, float.PositiveInfinity, float.NegativeInfinity])
        {
            Fill(tensor, at, bad);
            Assert.That(Find(("good", Tensor(storage, type, 4, at == 0 ? 1 : 0)), ("bad", tensor)), Is.EqualTo(new[] { "bad" }), $"{bad}");
        }
    }

    [Test]
    public void Largest_finite_values_are_good()
    {
        using HostStorage storage = new(64);
        Tensor single = new(storage, DType.F32, new Shape(2));
        single.AsSpan<float>()[0] = float.MaxValue;
        single.AsSpan<float>()[1] = -float.Epsilon;
        Tensor half = new(storage, DType.F16, new Shape(2), 8);
        half.AsSpan<Half>()[0] = Half.MinValue;
        half.AsSpan<Half>()[1] = Half.Epsilon;
        Tensor brain = new(storage, DType.BF16, new Shape(2), 12);
        brain.AsSpan<ushort>()[0] = 0x7F7F;
        brain.AsSpan<ushort>()[1] = 0x8001;
        Assert.That(Find(("single", single), ("half", half), ("brain", brain), ("none", default), ("empty", new Tensor(storage, DType.F32, new Shape(0)))), Is.Empty);
    }

    [Test]
    public void Other_types_are_passed_over()
    {
        using HostStorage storage = new(8);
        Tensor integers = new(storage, DType.I64, new Shape(1));
        integers.AsSpan<long>()[0] = -1;
        Assert.That(Find(("ids", integers)), Is.Empty);
    }

    private static IReadOnlyList<string> Find(params (string Name, Tensor Tensor)[] tensors) =>
        WeightCheck.FindNonFinite([.. tensors.Select(pair => KeyValuePair.Create(pair.Name, pair.Tensor))]);

    private static Tensor Tensor(TensorStorage storage, DType type, int count, int start) => new(storage, type, new Shape(count), (long)start * type.SizeBytes());

    private static void Fill(Tensor tensor, int at, float bad)
    {
        switch (tensor.DType)
        {
            case DType.F32:
                tensor.AsSpan<float>().Fill(-1.25f);
                tensor.AsSpan<float>()[at] = bad;
                break;
            case DType.F16:
                tensor.AsSpan<Half>().Fill((Half)(-1.25f));
                tensor.AsSpan<Half>()[at] = (Half)bad;
                break;
            default:
                tensor.AsSpan<BFloat16>().Fill((BFloat16)(-1.25f));
                tensor.AsSpan<BFloat16>()[at] = (BFloat16)bad;
                break;
        }
    }
}
