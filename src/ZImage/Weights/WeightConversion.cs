using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;
using ZImage.Tensors;

namespace ZImage.Weights;

/// <summary>Widening of stored weight types.</summary>
internal static class WeightConversion
{
    /// <summary>Writes the elements of a dense host tensor in F32, F16 or BF16 to the front of <paramref name="destination"/>.</summary>
    /// <exception cref="ArgumentException">Another type.</exception>
    public static void ToSingle(Tensor source, Span<float> destination)
    {
        switch (source.DType)
        {
            case DType.F32:
                source.AsSpan<float>().CopyTo(destination);
                break;
            case DType.F16:
                TensorPrimitives.ConvertToSingle(source.AsSpan<Half>(), destination);
                break;
            case DType.BF16:
                ReadOnlySpan<BFloat16> values = source.AsSpan<BFloat16>();
                for (int i = 0; i < values.Length; i++)
                {
                    destination[i] = (float)values[i];
                }

                break;
            default:
                throw new ArgumentException($"{source} is no weight type.", nameof(source));
        }
    }
}
