using NUnit.Framework;
using ZImage.Sampling;

namespace ZImage.Tests.Sampling;

public sealed class MersenneTwisterTests
{
    [Test]
    public void Default_seed_gives_the_authors_first_numbers()
    {
        // mt19937ar.c with init_genrand(5489); the last one is the C++ standard's check of std::mt19937.
        MersenneTwister twister = new(5489);
        uint[] first = [twister.Next(), twister.Next(), twister.Next(), twister.Next(), twister.Next()];
        uint number10000 = 0;
        for (int i = 5; i < 10000; i++)
        {
            number10000 = twister.Next();
        }

        Assert.That(first, Is.EqualTo(new uint[] { 3499211612, 581869302, 3890346734, 3586334585, 545404204 }));
        Assert.That(number10000, Is.EqualTo(4123659995));
    }

    [Test]
    public void Uniform_numbers_continue_the_stream_across_the_end_of_the_state()
    {
        MersenneTwister whole = new(7);
        MersenneTwister inPieces = new(7);
        float[] expected = new float[2000];
        float[] actual = new float[2000];
        for (int i = 0; i < expected.Length; i++)
        {
            expected[i] = (whole.Next() & 0xFFFFFF) / 16777216f;
        }

        inPieces.Uniform(actual.AsSpan(0, 1));
        inPieces.Uniform(actual.AsSpan(1, 623));
        inPieces.Uniform(actual.AsSpan(624));
        Assert.That(actual, Is.EqualTo(expected));
    }
}
