using System.Text;
using NUnit.Framework;
using ZImage.Cli;

namespace ZImage.Tests.Cli;

[TestFixture]
public class OutputNamingTests
{
    private static readonly PictureFacts Cat = new("a cat", 42, 1024, 768, 0, 0);

    [TestCase("a cat", "a-cat")]
    [TestCase("  A Cat's   hat!  ", "A-Cats-hat")]
    [TestCase("一只猫，戴帽子", "一只猫-戴帽子")]
    [TestCase("बिल्ली", "बिल्ली")]
    [TestCase("a/b\\c:d*e?f\"g<h>i|j\0k\nl", "a-b-c-d-e-f-g-h-i-j-k-l")]
    [TestCase("../../etc/passwd", "etc-passwd")]
    [TestCase("🐈 🐕", "zimage")]
    [TestCase("", "zimage")]
    [TestCase("CON", "zimage-CON")]
    [TestCase("lpt1", "zimage-lpt1")]
    [TestCase("console", "console")]
    public void A_slug_keeps_letters_and_digits_of_any_script(string prompt, string expected) =>
        Assert.That(OutputNaming.Slug(prompt), Is.EqualTo(expected));

    [Test]
    public void A_slug_is_cut_at_60_elements_and_never_within_one()
    {
        Assert.That(OutputNaming.Slug(new string('猫', 100)), Is.EqualTo(new string('猫', 60)));

        // e with an accent of its own: one element, two characters.
        string accented = string.Concat(Enumerable.Repeat("e\u0301", 100));
        Assert.That(OutputNaming.Slug(accented), Is.EqualTo(accented[..120]));

        // Beyond the basic plane: four bytes each, so that the limit of file systems comes first.
        string rare = OutputNaming.Slug(string.Concat(Enumerable.Repeat("\U00020000", 100)));
        Assert.That(Encoding.UTF8.GetByteCount(rare), Is.EqualTo(180));
    }

    [Test]
    public void The_default_name_tells_prompt_and_seed() => Assert.That(Names(null, Cat), Is.EqualTo(new[] { "a-cat-42.png" }));

    [Test]
    public void Several_pictures_are_numbered()
    {
        PictureFacts[] two = [Cat, Cat with { Index = 1 }];

        Assert.That(Names(null, two), Is.EqualTo(new[] { "a-cat-42-1.png", "a-cat-42-2.png" }));
        Assert.That(Names("out/x.png", two), Is.EqualTo(new[] { "out/x-1.png", "out/x-2.png" }));
        Assert.That(Names("x{index}.png", two), Is.EqualTo(new[] { "x1.png", "x2.png" }));
    }

    [Test]
    public void Fields_are_filled_in() =>
        Assert.That(
            Names("{slug}_{seed}_{width}x{height}_{prompt_index}_{index:000}_{{}}.png", Cat with { PromptIndex = 1, Index = 6 }),
            Is.EqualTo(new[] { "a-cat_42_1024x768_2_007_{}.png" }));

    [Test]
    public void A_prompt_number_tells_pictures_apart_only_if_it_does()
    {
        PictureFacts dog = Cat with { Prompt = "dog", PromptIndex = 1, Index = 1 };

        Assert.That(Names("p{prompt_index}.png", Cat, dog), Is.EqualTo(new[] { "p1.png", "p2.png" }));
        Assert.That(Names("p{prompt_index}.png", Cat, Cat with { Index = 1 }), Is.EqualTo(new[] { "p1-1.png", "p1-2.png" }));
    }

    [Test]
    public void Default_names_give_way_to_existing_files_as_a_set()
    {
        HashSet<string> taken = ["a-cat-42.png", "a-cat-42-2.png", "a-cat-42-3-1.png"];

        Assert.That(OutputNaming.Paths(null, [Cat], taken.Contains), Is.EqualTo(new[] { "a-cat-42-3.png" }));
        Assert.That(
            OutputNaming.Paths(null, [Cat, Cat with { Index = 1 }], taken.Contains), Is.EqualTo(new[] { "a-cat-42-2-1.png", "a-cat-42-2-2.png" }));
        Assert.That(OutputNaming.Paths("a-cat-42.png", [Cat], taken.Contains), Is.EqualTo(new[] { "a-cat-42.png" }), "the user's own name stays");
    }

    [Test]
    public void A_folder_takes_default_names() => Assert.That(Names("out/", Cat), Is.EqualTo(new[] { "out/a-cat-42.png" }));

    [Test]
    public void A_missing_extension_is_added() => Assert.That(Names("v1.5 {slug}", Cat), Is.EqualTo(new[] { "v1.5 a-cat.png" }));

    [TestCase("x.jpg")]
    [TestCase("{nonsense}.png")]
    [TestCase("{index:abc}.png")]
    [TestCase("{index:}.png")]
    [TestCase("{slug:000}.png")]
    [TestCase("{slug.png")]
    public void A_bad_template_is_refused_with_a_hint(string template) =>
        Assert.That(() => Names(template, Cat), Throws.TypeOf<InvalidRequestException>().With.Property("Hint").Not.Empty);

    private static IReadOnlyList<string> Names(string? template, params PictureFacts[] pictures) => OutputNaming.Paths(template, pictures, _ => false);
}
