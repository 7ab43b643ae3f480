using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using ZImage.Tensors;
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace ZImage.Backends.Cpu;

public sealed partial class CpuBackend
{
    /// <inheritdoc/>
    public Tensor PlaceVector(Tensor host)
    {
        CheckHostWeight(host, nameof(host));
        Tensor result = new(placement.Own(Allocate(host.Count * sizeof(float))), DType.F32, host.Shape);
        Download(host, result.AsSpan<float>());
        return result;
    }

    /// <inheritdoc/>
    /// <remarks>The table stays where it is, usually in a mapped file: <paramref name="host"/> must outlive the result.</remarks>
    public Tensor PlaceTable(Tensor host)
    {
        CheckHostWeight(host, nameof(host));
        return host.Shape.Rank == 2 ? host : throw new ArgumentException($"A table is a matrix [rows, width], not {host}.", nameof(host));
    }

    /// <inheritdoc/>
    /// <remarks>The parts stay where they are, usually in a mapped file: their storage must outlive the result.</remarks>
    public LinearWeight PlaceLinear(ReadOnlySpan<Tensor> parts, Tensor bias = default)
    {
        foreach (Tensor part in parts)
        {
            CheckHostWeight(part, nameof(parts));
            if (part.Shape.Rank != 2)
            {
                throw new ArgumentException($"A part of a linear layer is a matrix [out, in], not {part}.", nameof(parts));
            }
        }

        return new LinearWeight(parts.ToArray(), bias.IsEmpty ? default : PlaceVector(bias));
    }

    /// <inheritdoc/>
    public ConvWeight PlaceConv(Tensor weight, Tensor bias)
    {
        CheckHostWeight(weight, nameof(weight));
        if (weight.Shape.Rank != 4 || weight.Shape[2] != weight.Shape[3] || weight.Shape[2] is not (1 or 3) || !weight.IsDense)
        {
            throw new ArgumentException($"The weight of a convolution is [out, in, k, k] with k 1 or 3, not {weight}.", nameof(weight));
        }

        if (bias.IsEmpty || bias.Count != weight.Shape[0])
        {
            throw new ArgumentException($"The bias of a convolution {weight} has {weight.Shape[0]} elements, not {(bias.IsEmpty ? "none" : bias)}.", nameof(bias));
        }

        (int outputs, int inputs, int kernel) = (weight.Shape[0], weight.Shape[1], weight.Shape[2]);
        Tensor placed = new(placement.Own(Allocate(weight.Bytes)), weight.DType, new Shape(outputs, kernel, kernel, inputs));
        if (weight.DType == DType.F32)
        {
            ChannelsLast(weight.AsSpan<uint>(), placed.AsSpan<uint>(), inputs, kernel * kernel);
        }
        else
        {
            ChannelsLast(weight.AsSpan<ushort>(), placed.AsSpan<ushort>(), inputs, kernel * kernel);
        }

        KeepAlive(weight);
        return new ConvWeight(placed, PlaceVector(bias));
    }

    /// <inheritdoc/>
    public void Upload(ReadOnlySpan<float> source, Tensor destination)
    {
        CheckHostWeight(destination, nameof(destination));
        if (!destination.IsDense || destination.Count != source.Length)
        {
            throw new ArgumentException($"{source.Length} floats do not fill {destination}{(destination.IsDense ? "" : " (strided)")}.", nameof(destination));
        }

        switch (destination.DType)
        {
            case DType.F32:
                source.CopyTo(destination.AsSpan<float>());
                break;
            case DType.F16:
                TensorPrimitives.ConvertToHalf(source, destination.AsSpan<Half>());
                break;
            default:
                Span<BFloat16> to = destination.AsSpan<BFloat16>();
                for (int i = 0; i < source.Length; i++)
                {
                    to[i] = (BFloat16)source[i];
                }

                break;
        }

        KeepAlive(destination);
    }

    /// <inheritdoc/>
    public unsafe void Download(Tensor source, Span<float> destination)
    {
        CheckHostWeight(source, nameof(source));
        if (source.Count != destination.Length)
        {
            throw new ArgumentException($"{source} does not fill {destination.Length} floats.", nameof(destination));
        }

        fixed (float* to = destination)
        {
            byte* row = (byte*)source.Address;
            long rowBytes = (long)source.RowStride * source.DType.SizeBytes();
            for (int r = 0; r < source.RowCount; r++, row += rowBytes)
            {
                Packing.Widen(row, source.DType, 0, source.RowLength, to + ((long)r * source.RowLength));
            }
        }

        GC.KeepAlive(source.Storage);
    }

    /// <inheritdoc/>
    public unsafe bool IsFinite(Tensor x)
    {
        CheckHostWeight(x, nameof(x));
        for (int r = 0; r < x.RowCount; r++)
        {
            // Infinities and NaN are the values whose exponent bits are all set.
            byte* row = (byte*)x.Address + ((long)r * x.RowStride * x.DType.SizeBytes());
            bool finite = x.DType == DType.F32
                ? AllBelow(new ReadOnlySpan<uint>(row, x.RowLength), 0x7F80_0000u)
                : AllBelow(new ReadOnlySpan<ushort>(row, x.RowLength), x.DType == DType.F16 ? (ushort)0x7C00 : (ushort)0x7F80);
            if (!finite)
            {
                return false;
            }
        }

        GC.KeepAlive(x.Storage);
        return true;
    }

    /// <summary>[out, in, taps] to [out, taps, in].</summary>
    private static void ChannelsLast<T>(ReadOnlySpan<T> from, Span<T> to, int inputs, int taps)
    {
        int size = inputs * taps;
        for (int start = 0; start < from.Length; start += size)
        {
            for (int i = 0; i < inputs; i++)
            {
                for (int t = 0; t < taps; t++)
                {
                    to[start + (t * inputs) + i] = from[start + (i * taps) + t];
                }
            }
        }
    }

    /// <summary>Whether no element has all the bits of <paramref name="exponent"/> set.</summary>
    private static bool AllBelow<T>(ReadOnlySpan<T> bits, T exponent)
        where T : unmanaged, IBinaryInteger<T>
    {
        ReadOnlySpan<Vector<T>> vectors = MemoryMarshal.Cast<T, Vector<T>>(bits);
        Vector<T> mask = new(exponent), found = default;
        foreach (ref readonly Vector<T> v in vectors)
        {
            found |= Vector.Equals(v & mask, mask);
        }

        bool any = found != default;
        foreach (T value in bits[(vectors.Length * Vector<T>.Count)..])
        {
            any |= (value & exponent) == exponent;
        }

        return !any;
    }

    private static void CheckHostWeight(Tensor tensor, string name, [CallerMemberName] string caller = "")
    {
        if (tensor.IsEmpty || !tensor.Storage.IsHost || !tensor.DType.IsWeightType())
        {
            throw new ArgumentException($"{caller} takes a host tensor in F32, F16 or BF16, not {(tensor.IsEmpty ? "an empty one" : tensor)}.", name);
        }
    }
}
