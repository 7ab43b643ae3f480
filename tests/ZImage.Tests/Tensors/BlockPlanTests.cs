using NUnit.Framework;
using ZImage.Tensors;

namespace ZImage.Tests.Tensors;

[TestFixture]
internal sealed class BlockPlanTests
{
    private const long MiB = 1 << 20;

    [Test]
    public void Blocks_that_are_held_together_do_not_overlap_and_the_whole_holds_them_all([Range(0, 49)] int seed)
    {
        Random random = new(seed);
        BlockLifetime[] blocks = new BlockLifetime[random.Next(1, 60)];
        for (int i = 0; i < blocks.Length; i++)
        {
            int from = random.Next(100);
            blocks[i] = new BlockLifetime(random.Next(1, 5000), from, from + random.Next(1, 30));
        }

        (long[] offsets, long bytes) = BlockPlan.Place(blocks);

        using (Assert.EnterMultipleScope())
        {
            for (int i = 0; i < blocks.Length; i++)
            {
                Assert.That(offsets[i] % BlockPlan.Alignment, Is.Zero);
                Assert.That(offsets[i] + blocks[i].Bytes, Is.LessThanOrEqualTo(bytes));
                for (int j = 0; j < i; j++)
                {
                    bool apart = offsets[i] + blocks[i].Bytes <= offsets[j] || offsets[j] + blocks[j].Bytes <= offsets[i];
                    Assert.That(apart || !blocks[i].Meets(blocks[j]), $"blocks {i} and {j}");
                }
            }
        }
    }

    [Test]
    public void The_maps_of_a_decoder_need_no_more_than_the_three_widest_together()
    {
        // The last levels of the FLUX decoder at 1024x1024 in bfloat16: an upsampling, a residual block with a shortcut, one without, and the last convolution.
        BlockLifetime[] blocks =
        [
            new(16 * MiB, 0, 3), new(16 * MiB, 1, 2), new(64 * MiB, 2, 6), new(64 * MiB, 4, 5), new(256 * MiB, 5, 9), new(128 * MiB, 6, 12),
            new(128 * MiB, 7, 11), new(512 * MiB, 11, 15), new(256 * MiB, 13, 20), new(256 * MiB, 14, 17), new(256 * MiB, 18, 19), new(6 * MiB, 19, 21),
        ];

        (long[] _, long bytes) = BlockPlan.Place(blocks);

        Assert.That(bytes, Is.EqualTo((512 + 256 + 256) * MiB));
    }

    [Test]
    public void Nothing_needs_nothing() => Assert.That(BlockPlan.Place([]).Bytes, Is.Zero);
}
