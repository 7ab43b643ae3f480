using NUnit.Framework;
using ZImage.Backends.Cuda;
using ZImage.Tensors;
using ZImage.Tests.Support;
using ZImage.Weights;

namespace ZImage.Tests.Backends.Cuda;

/// <summary>Weights as the upload turns them, before they leave host memory.</summary>
public sealed class UploadPieceTests
{
    [Test]
    public void A_convolution_is_reordered_to_taps_then_inputs_and_converted([Values(DType.F32, DType.F16, DType.BF16)] DType stored, [Values(DType.F32, DType.BF16)] DType placed)
    {
        const int Outputs = 3, Inputs = 5, Taps = 9, Skipped = 1;
        float[] values = new float[Outputs * Inputs * Taps];
        for (int i = 0; i < values.Length; i++)
        {
            // Small integers are exact in every type.
            values[i] = i - 60;
        }

        Tensor host = Host(values, stored, Outputs, Inputs, 3, 3);
        float[] result = Fill(new UploadPiece(host, Skipped * Inputs * Taps, (Outputs - Skipped) * Inputs * Taps, placed, 0, Inputs, Taps));
        List<float> expected = [];
        for (int o = Skipped; o < Outputs; o++)
        {
            for (int t = 0; t < Taps; t++)
            {
                for (int i = 0; i < Inputs; i++)
                {
                    expected.Add(values[(((o * Inputs) + i) * Taps) + t]);
                }
            }
        }

        Assert.That(result, Is.EqualTo(expected));
    }

    [TestCase(1.00390625f, 1f, TestName = "A tie rounds to the even neighbour below")]
    [TestCase(1.01171875f, 1.015625f, TestName = "A tie rounds to the even neighbour above")]
    public void Float32_is_rounded_to_nearest_even_on_the_way_to_bfloat16(float value, float expected) =>
        Assert.That(Fill(new UploadPiece(Host([0, value], DType.F32, 2), 1, 1, DType.BF16, 0)), Is.EqualTo(new[] { expected }));

    [Test]
    public void A_mapped_file_is_read_at_the_right_place()
    {
        using TemporaryFolder folder = new();
        byte[] bytes = [.. Enumerable.Range(0, 256).Select(i => (byte)i)];
        string path = folder.File("weights");
        File.WriteAllBytes(path, bytes);
        using MappedStorage mapped = MappedStorage.Open(path);
        Tensor tensor = new(mapped, DType.BF16, new Shape(50), byteOffset: 7);
        byte[] result = FillBytes(new UploadPiece(tensor, 10, 20, DType.BF16, 0));
        Assert.That(result, Is.EqualTo(bytes[27..67]));
    }

    private static float[] Fill(UploadPiece piece)
    {
        byte[] bytes = FillBytes(piece);
        Tensor tensor = new(new HostStorage(bytes.Length), piece.Type, new Shape(piece.Count));
        unsafe
        {
            bytes.CopyTo(new Span<byte>((void*)tensor.Address, bytes.Length));
        }

        return HostFloats.Copy(tensor);
    }

    private static unsafe byte[] FillBytes(UploadPiece piece)
    {
        byte[] result = new byte[piece.Bytes];
        byte[] buffer = [];
        fixed (byte* destination = result)
        {
            piece.Fill(destination, ref buffer);
        }

        return result;
    }

    private static Tensor Host(float[] values, DType type, params int[] extents)
    {
        Tensor tensor = new(new HostStorage(values.Length * type.SizeBytes()), type, new Shape(extents));
        for (int i = 0; i < values.Length; i++)
        {
            switch (type)
            {
                case DType.F32:
                    tensor.AsSpan<float>()[i] = values[i];
                    break;
                case DType.F16:
                    tensor.AsSpan<Half>()[i] = (Half)values[i];
                    break;
                default:
                    tensor.AsSpan<BFloat16>()[i] = (BFloat16)values[i];
                    break;
            }
        }

        return tensor;
    }
}
