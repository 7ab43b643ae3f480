using NUnit.Framework;
using ZImage.Backends.Cpu;
using ZImage.Tensors;

namespace ZImage.Tests.Backends;

[TestFixture]
internal sealed class EmbeddingTests
{
    [Test]
    public void Gather_copies_rows_of_every_stored_type_exactly([Values(DType.F32, DType.F16, DType.BF16)] DType type, [Values(1, 19, 300)] int width)
    {
        using OperatorCase test = new(GemmLayout.Best);
        Tensor values = test.Normal(50, width);
        using HostStorage storage = new(50L * width * type.SizeBytes());
        Tensor table = new(storage, type, new Shape(50, width));
        for (int i = 0; i < table.Count; i++)
        {
            float value = values.AsSpan<float>()[i];
            switch (type)
            {
                case DType.F32:
                    table.AsSpan<float>()[i] = value;
                    break;
                case DType.F16:
                    table.AsSpan<Half>()[i] = (Half)value;
                    values.AsSpan<float>()[i] = (float)(Half)value;
                    break;
                default:
                    table.AsSpan<BFloat16>()[i] = (BFloat16)value;
                    values.AsSpan<float>()[i] = (float)(BFloat16)value;
                    break;
            }
        }

        int[] ids = [49, 0, 7, 7, 23];
        Tensor y = test.Empty(5, width);
        test.Backend.Gather(table, ids, y);
        float[] expected = [.. ids.SelectMany(id => values.Slice(id, 1).AsSpan<float>().ToArray())];
        Assert.That(OperatorCase.Bits(y), Is.EqualTo(expected));
    }

    [Test]
    public void TimestepEmbedding_follows_its_definition([Values(2, 9, 256)] int width)
    {
        using OperatorCase test = new(GemmLayout.Best);
        float[] times = [0f, 0.25f, 37.5f, 1000f];
        Tensor y = test.Empty(times.Length, width);
        test.Backend.TimestepEmbedding(times, y);
        int half = width / 2;
        for (int row = 0; row < times.Length; row++)
        {
            float[] values = y.Slice(row, 1).AsSpan<float>().ToArray();
            for (int j = 0; j < half; j++)
            {
                double angle = times[row] * Math.Exp(-Math.Log(10000) * j / half);

                // The exponent is rounded at up to 9.2 three times, so the frequency is off by up to 1.5·2^-21 relative, the angle by as much again its size.
                double bound = 1e-7 + (angle * 8e-7);
                Assert.That(values[j], Is.EqualTo(Math.Cos(angle)).Within(bound), $"cos of row {row}, frequency {j}");
                Assert.That(values[half + j], Is.EqualTo(Math.Sin(angle)).Within(bound), $"sin of row {row}, frequency {j}");
            }

            if (width % 2 == 1)
            {
                Assert.That(values[^1], Is.Zero);
            }
        }
    }
}
