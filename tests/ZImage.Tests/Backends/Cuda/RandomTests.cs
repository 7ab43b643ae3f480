using NUnit.Framework;
using ZImage.Backends.Cuda;
using ZImage.Native;
using ZImage.Sampling;
using ZImage.Tensors;
using ZImage.Tests.Support;

namespace ZImage.Tests.Backends.Cuda;

/// <summary>Random numbers on the device against the host's generator, which is held to PyTorch's by golden files.</summary>
[TestFixture]
[RequiresCuda(NativeLibraryResolver.Nvrtc)]
public sealed class RandomTests
{
    private CudaBackend backend = null!;

    [OneTimeSetUp]
    public void Open() => backend = new CudaBackend();

    [OneTimeTearDown]
    public void Close() => backend.Dispose();

    [Test]
    public void Two_draws_are_those_of_the_host_bit_for_bit(
        [Values(1, 5, 100, 4097, 270_337, 1_081_345)] int count, [Values(0ul, 42ul, (1ul << 40) + 3)] ulong seed, [Values(20, 132)] int multiprocessors)
    {
        TorchCudaGenerator generator = new(seed, multiprocessors);
        using TensorStorage storage = backend.Allocate(count * sizeof(float));
        Tensor y = new(storage, DType.F32, new Shape(count));
        float[] expected = new float[count], actual = new float[count];
        ulong offset = 0;
        for (int draw = 0; draw < 2; draw++)
        {
            generator.Normal(expected);
            offset = backend.Normal(y, seed, offset, multiprocessors);
            backend.Download(y, actual);
            Assert.That(Array.ConvertAll(actual, BitConverter.SingleToUInt32Bits), Is.EqualTo(Array.ConvertAll(expected, BitConverter.SingleToUInt32Bits)));
        }
    }

    [TestCase(0.02f, 0f)]
    [TestCase(0.1f, 1f)]
    public void A_synthetic_weight_is_scaled_shifted_and_rounded_step_by_step(float scale, float shift)
    {
        const int count = 300_001;
        const ulong seed = 0xCBF43926;
        float[] normal = new float[count], actual = new float[count];
        new TorchCudaGenerator(seed).Normal(normal);
        using TensorStorage storage = backend.Allocate(count * 2);
        Tensor y = new(storage, DType.BF16, new Shape(count));
        backend.SyntheticWeight(y, seed, scale, shift);
        backend.Download(y, actual);
        float[] expected = Array.ConvertAll(normal, r =>
        {
            float scaled = scale * r;
            return BFloat16.FromSingle(shift == 0 ? scaled : shift + scaled).ToSingle();
        });
        Assert.That(actual, Is.EqualTo(expected));
    }

    [Test]
    public void Elements_that_are_not_finite_are_counted_and_gaps_between_rows_are_not()
    {
        using TensorStorage storage = backend.Allocate(3 * 10 * sizeof(float));
        using TensorStorage counter = backend.Allocate(sizeof(uint));
        Tensor whole = new(storage, DType.F32, new Shape(3, 10));
        float[] values = new float[30];
        values[8] = float.NaN;
        values[3] = float.NegativeInfinity;
        values[27] = float.NaN;
        values[29] = float.PositiveInfinity;
        backend.Upload(values, whole);
        backend.CopyToDevice(new byte[sizeof(uint)], counter.Address);
        backend.NonFiniteCount(whole.Columns(0, 8), counter.Address);
        byte[] found = new byte[sizeof(uint)];
        backend.CopyToHost(counter.Address, found);
        Assert.That(BitConverter.ToUInt32(found), Is.EqualTo(2));
    }
}
