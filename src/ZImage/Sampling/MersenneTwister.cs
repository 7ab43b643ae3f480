namespace ZImage.Sampling;

/// <summary>
/// MT19937 (Matsumoto and Nishimura, 1998): a state of 624 words, renewed as a whole, and a tempering of each word that is handed out.
/// </summary>
internal sealed class MersenneTwister
{
    private const int Length = 624;
    private const int Shift = 397;

    private readonly uint[] state = new uint[Length];
    private int next = Length;

    /// <summary>Starts the stream of a seed with the authors' recurrence for one 32-bit number.</summary>
    public MersenneTwister(uint seed)
    {
        state[0] = seed;
        for (uint i = 1; i < Length; i++)
        {
            uint previous = state[i - 1];
            state[i] = (1812433253u * (previous ^ (previous >> 30))) + i;
        }
    }

    /// <summary>The next 32 bits.</summary>
    public uint Next()
    {
        if (next == Length)
        {
            Advance();
        }

        return Temper(state[next++]);
    }

    /// <summary>The next 64 bits: two numbers, the first one on top.</summary>
    public ulong Next64()
    {
        ulong high = Next();
        return (high << 32) | Next();
    }

    /// <summary>Fills <paramref name="destination"/> with uniform numbers k · 2^-24, one per 32 bits, k their low 24 bits.</summary>
    public void Uniform(Span<float> destination)
    {
        while (!destination.IsEmpty)
        {
            if (next == Length)
            {
                Advance();
            }

            ReadOnlySpan<uint> source = state.AsSpan(next, Math.Min(Length - next, destination.Length));
            for (int i = 0; i < source.Length; i++)
            {
                destination[i] = (int)(Temper(source[i]) & 0xFFFFFF) * (1f / 16777216);
            }

            next += source.Length;
            destination = destination[source.Length..];
        }
    }

    private static uint Temper(uint y)
    {
        y ^= y >> 11;
        y ^= (y << 7) & 0x9D2C5680;
        y ^= (y << 15) & 0xEFC60000;
        return y ^ (y >> 18);
    }

    private static uint Twist(uint upper, uint lower) =>
        (((upper & 0x80000000) | (lower & 0x7FFFFFFF)) >> 1) ^ ((0u - (lower & 1)) & 0x9908B0DF);

    private void Advance()
    {
        uint[] s = state;
        for (int i = 0; i < Length - Shift; i++)
        {
            s[i] = s[i + Shift] ^ Twist(s[i], s[i + 1]);
        }

        for (int i = Length - Shift; i < Length - 1; i++)
        {
            s[i] = s[i + Shift - Length] ^ Twist(s[i], s[i + 1]);
        }

        s[Length - 1] = s[Shift - 1] ^ Twist(s[Length - 1], s[0]);
        next = 0;
    }
}
