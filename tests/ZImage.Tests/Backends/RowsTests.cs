using NUnit.Framework;
using ZImage.Backends.Cpu;
using ZImage.Tensors;

namespace ZImage.Tests.Backends;

[TestFixture]
internal sealed class RowsTests
{
    [Test]
    public void CopyRows_moves_strided_rows_and_nothing_else([Values(1, 5, 700)] int rows, [Values(1, 33, 128)] int width)
    {
        using OperatorCase test = new(GemmLayout.Best);
        Tensor source = test.NormalWithGaps(rows, width), whole = test.Normal(rows, width + 9);
        float[] before = OperatorCase.Bits(whole), copied = OperatorCase.Bits(source);
        test.Backend.CopyRows(source, whole.Columns(4, width));
        float[] after = OperatorCase.Bits(whole);
        for (int i = 0; i < after.Length; i++)
        {
            int column = (i % (width + 9)) - 4;
            bool inside = column >= 0 && column < width;
            Assert.That(after[i], Is.EqualTo(inside ? copied[(i / (width + 9) * width) + column] : before[i]), $"element {i}");
        }
    }

    [Test]
    public void CopyRows_converts_between_all_weight_types(
        [Values(DType.F32, DType.F16, DType.BF16)] DType from, [Values(DType.F32, DType.F16, DType.BF16)] DType to, [Values(3, 300)] int width)
    {
        using OperatorCase test = new(GemmLayout.Best);
        Tensor values = test.Normal(2, width);
        using HostStorage first = new(2L * width * 4), second = new(2L * width * 4);
        Tensor source = new(first, from, new Shape(2, width)), destination = new(second, to, new Shape(2, width));
        for (int i = 0; i < values.Count; i++)
        {
            HeavyOperators.Set(source, i, values.AsSpan<float>()[i]);
        }

        test.Backend.CopyRows(source, destination);
        using HostStorage third = new(2L * width * 4);
        Tensor expected = new(third, to, new Shape(2, width));
        for (int i = 0; i < values.Count; i++)
        {
            HeavyOperators.Set(expected, i, Value(source, i));
            Assert.That(Value(destination, i), Is.EqualTo(Value(expected, i)), $"element {i}");
        }
    }

    [Test]
    public void FillRows_repeats_the_row([Values(0, 1, 40)] int rows)
    {
        using OperatorCase test = new(GemmLayout.Best);
        Tensor row = test.Normal(1, 2000), whole = test.Normal(40, 2010), gaps = whole.Columns(2000, 10);
        float[] before = OperatorCase.Bits(gaps);
        test.Backend.FillRows(row, whole.Slice(0, rows).Columns(0, 2000));
        for (int i = 0; i < rows; i++)
        {
            Assert.That(OperatorCase.Bits(whole.Slice(i, 1).Columns(0, 2000)), Is.EqualTo(OperatorCase.Bits(row)));
        }

        Assert.That(OperatorCase.Bits(gaps), Is.EqualTo(before));
    }

    private static float Value(Tensor tensor, int i) => tensor.DType switch
    {
        DType.F32 => tensor.AsSpan<float>()[i],
        DType.F16 => (float)tensor.AsSpan<Half>()[i],
        _ => (float)tensor.AsSpan<BFloat16>()[i],
    };
}
