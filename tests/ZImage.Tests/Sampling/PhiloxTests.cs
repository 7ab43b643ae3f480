using System.Runtime.Intrinsics;
using NUnit.Framework;
using ZImage.Sampling;

namespace ZImage.Tests.Sampling;

public sealed class PhiloxTests
{
    // The known-answer vectors of Random123 (kat_vectors, philox4x32 10).
    [TestCase(0u, 0u, 0u, 0u, 0ul, 0x6627E8D5u, 0xE169C58Du, 0xBC57AC4Cu, 0x9B00DBD8u)]
    [TestCase(0xFFFFFFFFu, 0xFFFFFFFFu, 0xFFFFFFFFu, 0xFFFFFFFFu, 0xFFFFFFFFFFFFFFFFul, 0x408F276Du, 0x41C83B0Eu, 0xA20BC7C6u, 0x6D5451FDu)]
    [TestCase(0x243F6A88u, 0x85A308D3u, 0x13198A2Eu, 0x03707344u, 0x299F31D0A4093822ul, 0xD16CFE09u, 0x94FDCCEBu, 0x5001E420u, 0x24126EA1u)]
    public void Block_gives_the_published_answers(uint x, uint y, uint z, uint w, ulong key, uint a, uint b, uint c, uint d) =>
        Assert.That(Philox.Block(x, y, z, w, key), Is.EqualTo((a, b, c, d)));

    [Test]
    public void Eight_blocks_at_once_are_the_blocks_of_eight_streams()
    {
        const ulong counter = 0xFFFFFFFF_89ABCDEF;
        const ulong key = 0x01234567_FEDCBA98;
        const uint stream = 270328;
        (Vector256<uint> x, Vector256<uint> y, Vector256<uint> z, Vector256<uint> w) = Philox.Blocks(counter, stream, key);
        for (int lane = 0; lane < 8; lane++)
        {
            (uint, uint, uint, uint) expected = Philox.Block(unchecked((uint)counter), (uint)(counter >> 32), stream + (uint)lane, 0, key);
            Assert.That((x[lane], y[lane], z[lane], w[lane]), Is.EqualTo(expected), $"lane {lane}");
        }
    }
}
