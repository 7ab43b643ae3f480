using System.Runtime.CompilerServices;

namespace ZImage.Tensors;

/// <summary>bfloat16: sign, 8 exponent and 7 fraction bits; the upper half of a single.</summary>
/// <param name="Bits">The 16 bits.</param>
public readonly record struct BFloat16(ushort Bits)
{
    /// <summary>The exact value as a single.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static explicit operator float(BFloat16 value) => BitConverter.UInt32BitsToSingle((uint)value.Bits << 16);

    /// <summary>Rounds to the nearest bfloat16, ties to even; NaN stays NaN, quiet.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static explicit operator BFloat16(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        if ((bits & 0x7FFF_FFFF) > 0x7F80_0000)
        {
            return new BFloat16((ushort)((bits >> 16) | 0x0040));
        }

        return new BFloat16((ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16));
    }

    /// <inheritdoc cref="op_Explicit(BFloat16)"/>
    public float ToSingle() => (float)this;

    /// <inheritdoc cref="op_Explicit(float)"/>
    public static BFloat16 FromSingle(float value) => (BFloat16)value;
}
