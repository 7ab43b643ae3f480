using NUnit.Framework;
using ZImage.Backends;
using ZImage.Backends.Cpu;
using ZImage.Tensors;

namespace ZImage.Tests.Backends;

[TestFixture]
internal sealed class PlacementTests
{
    private CpuBackend backend = null!;

    [SetUp]
    public void Create() => backend = new CpuBackend(1);

    [TearDown]
    public void Free() => backend.Dispose();

    [Test]
    public void PlaceVector_widens_exactly_and_keeps_the_shape([ValueSource(typeof(HeavyOperators), nameof(HeavyOperators.Types))] DType type)
    {
        Tensor host = HeavyOperators.Random(new Random(1), type, 3, 37);
        Tensor placed = backend.PlaceVector(host);
        Assert.That(placed.DType, Is.EqualTo(DType.F32));
        Assert.That(placed.Shape, Is.EqualTo(host.Shape));
        Assert.That(HeavyOperators.Values(placed), Is.EqualTo(HeavyOperators.Values(host)));
    }

    [Test]
    public void Linear_weights_and_tables_stay_where_they_are()
    {
        Tensor first = HeavyOperators.Random(new Random(1), DType.BF16, 4, 6), second = HeavyOperators.Random(new Random(2), DType.F16, 2, 6);
        Tensor bias = HeavyOperators.Random(new Random(3), DType.BF16, 6);
        LinearWeight placed = backend.PlaceLinear([first, second], bias);
        Assert.That(placed.Parts, Is.EqualTo(new[] { first, second }));
        Assert.That(placed.OutFeatures, Is.EqualTo(6));
        Assert.That(HeavyOperators.Values(placed.Bias), Is.EqualTo(HeavyOperators.Values(bias)));
        Assert.That(backend.PlaceTable(first), Is.EqualTo(first));
        Assert.That(backend.PlaceLinear([first]).Bias.IsEmpty, Is.True);
    }

    [Test]
    public void Upload_rounds_to_nearest_even_and_Download_gives_it_back()
    {
        // 1 + 2^-8 and 1 + 3·2^-8 lie between two bfloat16: to even is down and up. 1 + 2^-11 and 1 + 3·2^-11 likewise for half precision.
        float[] source = [1 + (1f / 256), 1 + (3f / 256), 1 + (1f / 2048), 1 + (3f / 2048), -2, float.PositiveInfinity];
        float[] back = new float[source.Length];
        Tensor tensor = HeavyOperators.Zeros(DType.BF16, source.Length);
        backend.Upload(source, tensor);
        backend.Download(tensor, back);
        Assert.That(back, Is.EqualTo(new[] { 1f, 1 + (4f / 256), 1f, 1f, -2f, float.PositiveInfinity }));
        tensor = HeavyOperators.Zeros(DType.F16, source.Length);
        backend.Upload(source, tensor);
        backend.Download(tensor, back);
        Assert.That(back, Is.EqualTo(new[] { 1 + (1f / 256), 1 + (3f / 256), 1f, 1 + (4f / 2048), -2f, float.PositiveInfinity }));
        tensor = HeavyOperators.Zeros(DType.F32, source.Length);
        backend.Upload(source, tensor);
        backend.Download(tensor, back);
        Assert.That(back, Is.EqualTo(source));
    }

    [Test]
    public void Download_skips_the_gaps_between_rows()
    {
        Tensor all = HeavyOperators.Random(new Random(4), DType.BF16, 3, 40);
        double[] values = HeavyOperators.Values(all);
        float[] part = new float[3 * 35];
        backend.Download(all.Columns(2, 35), part);
        for (int i = 0; i < part.Length; i++)
        {
            Assert.That((double)part[i], Is.EqualTo(values[(i / 35 * 40) + 2 + (i % 35)]));
        }
    }

    [Test]
    public void IsFinite_finds_a_single_infinity_or_NaN_anywhere([ValueSource(typeof(HeavyOperators), nameof(HeavyOperators.Types))] DType type)
    {
        float[] values = new float[67];
        Tensor tensor = HeavyOperators.Zeros(type, values.Length);
        values.AsSpan().Fill(type == DType.F16 ? 65504 : 3e38f);
        backend.Upload(values, tensor);
        Assert.That(backend.IsFinite(tensor), Is.True);
        foreach (float bad in (ReadOnlySpan<float>)[float.NaN, float.PositiveInfinity, float.NegativeInfinity])
        {
            for (int i = 0; i < values.Length; i++)
            {
                (float saved, values[i]) = (values[i], bad);
                backend.Upload(values, tensor);
                Assert.That(backend.IsFinite(tensor), Is.False, $"{bad} at {i}");
                values[i] = saved;
            }
        }
    }

    [Test]
    public void IsFinite_looks_at_the_view_and_not_at_the_gaps()
    {
        Tensor tensor = HeavyOperators.Zeros(DType.F32, 4, 20);
        tensor.AsSpan<float>()[19] = float.NaN;
        Assert.That(backend.IsFinite(tensor.Columns(0, 19)), Is.True);
        Assert.That(backend.IsFinite(tensor.Columns(1, 19)), Is.False);
    }

    [Test]
    public void What_does_not_fit_is_refused_with_the_shapes_in_the_message()
    {
        Tensor matrix = HeavyOperators.Zeros(DType.F32, 3, 4);
        Assert.That(() => backend.Upload(new float[11], matrix), Throws.ArgumentException.With.Message.Contains("11").And.Message.Contains("[3, 4]"));
        Assert.That(() => backend.Download(matrix, new float[11]), Throws.ArgumentException.With.Message.Contains("[3, 4]"));
        Assert.That(() => backend.PlaceVector(new Tensor(matrix.Storage, DType.I64, new Shape(1))), Throws.ArgumentException.With.Message.Contains("I64"));
        Assert.That(() => backend.PlaceConv(matrix, matrix), Throws.ArgumentException.With.Message.Contains("[3, 4]"));
        Assert.That(() => backend.PlaceTable(HeavyOperators.Zeros(DType.F32, 2)), Throws.ArgumentException.With.Message.Contains("[2]"));
        Assert.That(() => backend.PlaceLinear([]), Throws.ArgumentException);
    }
}
