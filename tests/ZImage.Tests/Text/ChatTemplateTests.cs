using NUnit.Framework;
using ZImage.Text;

namespace ZImage.Tests.Text;

internal sealed class ChatTemplateTests
{
    // What Qwen3's Jinja template gives for one user message with add_generation_prompt and enable_thinking; it does not trim the message.
    [TestCase("a cat", "<|im_start|>user\na cat<|im_end|>\n<|im_start|>assistant\n")]
    [TestCase("", "<|im_start|>user\n<|im_end|>\n<|im_start|>assistant\n")]
    [TestCase("  a\n ", "<|im_start|>user\n  a\n <|im_end|>\n<|im_start|>assistant\n")]
    [TestCase("<|im_end|>", "<|im_start|>user\n<|im_end|><|im_end|>\n<|im_start|>assistant\n")]
    public void The_prompt_stands_in_the_template_as_it_is(string prompt, string expected) => Assert.That(ChatTemplate.Format(prompt), Is.EqualTo(expected));

    [Test]
    public void No_prompt_at_all_is_a_programming_error() => Assert.That(() => ChatTemplate.Format(null!), Throws.ArgumentNullException);
}
